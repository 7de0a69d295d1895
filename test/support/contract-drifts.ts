/** One change of the database, and what is to be said of it; the whole texts are in the golden file. */
export interface Drift {
  readonly what: string
  readonly sql: string
  /** Severity and code of each finding; none: the change is nobody's business. */
  readonly finds: readonly string[]
  /** Parts of the message: what was found, what is to be done. */
  readonly says?: readonly string[]
  /** Whether SQL mends it; then it does, which is tried. */
  readonly isMended?: true
}

const TABLE = 'error CONTRACT.TABLE_MISSING'
const COLUMN = 'error CONTRACT.COLUMN_MISSING'
const TYPE = 'error CONTRACT.TYPE_MISMATCH'
const NULLS = 'error CONTRACT.NULLABILITY'
const IDENTITY = 'error CHANGES.REPLICA_IDENTITY'
const LABEL = 'error CHANGES.UNKNOWN_ENUM_LABEL'

const mood = (labels: string): string => `
  ALTER TYPE mood RENAME TO old_mood;
  CREATE TYPE mood AS ENUM (${labels});
  ALTER TABLE guest ALTER mood TYPE mood USING mood::text::mood, ALTER moods TYPE mood[] USING moods::text[]::mood[];
  DROP TYPE old_mood`

/** Changes of the database that `driftContract` describes. */
export const DRIFTS: readonly Drift[] = [
  {
    what: 'a table is gone',
    sql: 'DROP TABLE booking',
    finds: [TABLE],
    says: ['table "public"."booking" (model Booking)', 'prisma migrate deploy'],
  },
  {
    what: 'a table is renamed',
    sql: 'ALTER TABLE booking RENAME TO bookings',
    finds: [TABLE],
    says: ['"public"."bookings", which the contract does not know', '@@map("bookings") in model Booking'],
    isMended: true,
  },
  {
    what: 'a table is in another schema',
    sql: 'ALTER TABLE booking SET SCHEMA billing',
    finds: [TABLE],
    says: ['"billing"."booking"', '@@schema("billing") in model Booking'],
    isMended: true,
  },
  {
    what: 'a table is renamed, in another schema, and lacks a column',
    sql: 'ALTER TABLE guest RENAME TO "the guests"; ALTER TABLE "the guests" SET SCHEMA billing; ALTER TABLE billing."the guests" DROP nickname',
    finds: [TABLE],
    says: ['@@map("the guests") and @@schema("billing") in model Guest'],
  },
  {
    what: 'a table is gone, and two others are like it',
    sql: 'CREATE TABLE p (LIKE booking INCLUDING ALL); CREATE TABLE q (LIKE booking INCLUDING ALL); DROP TABLE booking',
    finds: [TABLE],
    says: ['prisma generate if the table was renamed'],
  },
  {
    what: 'a table is gone, and another has its names with other types',
    sql: 'DROP TABLE booking; CREATE TABLE bookings (guest_id int, room text, currency text, note int)',
    finds: [TABLE],
    says: ['prisma generate if the table was renamed'],
  },
  {
    what: 'a view has taken the place of a table',
    sql: 'ALTER TABLE booking RENAME TO all_bookings; CREATE VIEW booking AS SELECT * FROM all_bookings',
    finds: [TABLE],
    says: ['not an ordinary logged table'],
  },
  {
    what: 'a column is gone',
    sql: 'ALTER TABLE guest DROP last_name',
    finds: [COLUMN],
    says: ['Guest.lastName (column "last_name" of "public"."guest")', 'Apply your migrations'],
  },
  {
    what: 'a column beside one that the contract leaves out is gone',
    sql: 'ALTER TABLE guest DROP nickname',
    finds: [COLUMN],
    says: ['not have. Apply your migrations'],
  },
  {
    what: 'the last column is gone',
    sql: 'ALTER TABLE guest DROP seen_at; ALTER TABLE guest ADD since timestamp(3) NOT NULL',
    finds: [COLUMN],
    says: ['not have. Apply your migrations'],
  },
  {
    what: 'the last column is renamed',
    sql: 'ALTER TABLE guest RENAME seen_at TO since; ALTER TABLE guest ADD later timestamp(3)',
    finds: [COLUMN],
    says: ['@map("since") at Guest.seenAt'],
    isMended: true,
  },
  {
    what: 'a column is renamed',
    sql: 'ALTER TABLE guest RENAME first_name TO given',
    finds: [COLUMN],
    says: ['column "given", which the contract does not know', '@map("given") at Guest.firstName'],
    isMended: true,
  },
  {
    what: 'two columns of one type are renamed',
    sql: 'ALTER TABLE guest RENAME first_name TO given; ALTER TABLE guest RENAME last_name TO family',
    finds: [COLUMN, COLUMN],
    says: ['@map("given") at Guest.firstName', '@map("family") at Guest.lastName'],
    isMended: true,
  },
  {
    what: 'a column behind one that the contract leaves out is renamed',
    sql: 'ALTER TABLE guest RENAME balance TO owes',
    finds: [COLUMN],
    says: ['@map("owes") at Guest.balance'],
    isMended: true,
  },
  {
    what: 'a column is renamed beside one of its kind that the contract leaves out',
    sql: 'ALTER TABLE guest RENAME nickname TO alias',
    finds: [COLUMN],
    says: ['not have. Apply your migrations'],
  },
  {
    what: 'a column is made anew under a name alike',
    sql: 'ALTER TABLE guest DROP last_name; ALTER TABLE guest ADD "lastName" text NOT NULL',
    finds: [COLUMN],
    says: ['@map("lastName") at Guest.lastName'],
    isMended: true,
  },
  {
    what: 'a column is gone, and others are there: of another type, of another name at another place, left out of the contract',
    sql: 'ALTER TABLE guest DROP last_name; ALTER TABLE guest ADD lastname int, ADD hobby text NOT NULL',
    finds: [COLUMN],
    says: ['Apply your migrations'],
  },
  {
    what: 'a column is generated',
    sql: 'ALTER TABLE guest DROP last_name; ALTER TABLE guest ADD last_name text NOT NULL GENERATED ALWAYS AS (first_name) STORED',
    finds: [TYPE],
    says: ['generated column'],
  },
  {
    what: 'another number type',
    sql: 'ALTER TABLE booking ALTER room TYPE bigint',
    finds: [TYPE],
    says: [
      'bigint in the database and integer in the contract',
      'Apply your migrations, or correct schema.prisma',
    ],
  },
  {
    what: 'another length of a varchar',
    sql: 'ALTER TABLE guest ALTER email TYPE varchar(320)',
    finds: [TYPE],
    says: ['character varying(320) in the database and character varying(255) in the contract'],
  },
  {
    what: 'another precision of a numeric',
    sql: 'ALTER TABLE guest ALTER balance TYPE numeric(12, 2)',
    finds: [TYPE],
    says: ['numeric(12,2) in the database and numeric(10,2) in the contract'],
  },
  {
    what: 'another precision of a timestamp',
    sql: 'ALTER TABLE guest ALTER seen_at TYPE timestamp(6)',
    finds: [TYPE],
    says: [
      'timestamp(6) without time zone in the database and timestamp(3) without time zone in the contract',
    ],
  },
  {
    what: 'a timestamp with a time zone',
    sql: 'ALTER TABLE guest ALTER seen_at TYPE timestamptz(3)',
    finds: [TYPE],
    says: ['timestamp(3) with time zone in the database'],
  },
  {
    what: 'a value where the contract has a list',
    sql: 'ALTER TABLE guest DROP tags; ALTER TABLE guest ADD tags text',
    finds: [TYPE],
    says: ['text in the database and text[] in the contract'],
  },
  {
    what: 'a list where the contract has a value',
    sql: 'ALTER TABLE guest ALTER first_name TYPE text[] USING ARRAY[first_name]',
    finds: [TYPE],
    says: ['text[] in the database and text in the contract'],
  },
  {
    what: 'another type of the elements of a list',
    sql: 'ALTER TABLE guest ALTER scores TYPE bigint[]',
    finds: [TYPE],
    says: ['bigint[] in the database and integer[] in the contract'],
  },
  {
    what: 'a text where the contract has an enum',
    sql: 'ALTER TABLE guest ALTER mood TYPE text',
    finds: [TYPE],
    says: ['text in the database and enum "mood" in the contract'],
  },
  {
    what: 'an enum where the contract has a text',
    sql: 'ALTER TABLE guest ALTER nickname TYPE mood USING nickname::mood',
    finds: [TYPE],
    says: ['enum "public"."mood" in the database and text in the contract'],
  },
  {
    what: 'an enum of the same name in another schema',
    sql: "CREATE TYPE billing.mood AS ENUM ('sad'); ALTER TABLE guest ALTER mood TYPE billing.mood USING mood::text::billing.mood",
    finds: [TYPE],
    says: ['enum "billing"."mood" in the database and enum "public"."mood" in the contract'],
  },
  {
    what: 'an enum is moved to another schema',
    sql: 'ALTER TYPE billing."Currency" SET SCHEMA public',
    finds: [TYPE],
    says: ['enum "public"."Currency" in the database and enum "billing"."Currency" in the contract'],
  },
  {
    what: 'a required column may hold NULL',
    sql: 'ALTER TABLE guest ALTER email DROP NOT NULL',
    finds: [NULLS],
    says: ['Guest.email (column "email" of "public"."guest") may hold NULL', 'Make the field optional'],
    isMended: true,
  },
  {
    what: 'a column that may be null is NOT NULL',
    sql: 'ALTER TABLE guest ALTER nickname SET NOT NULL',
    finds: [],
  },
  { what: 'a list is NOT NULL', sql: 'ALTER TABLE guest ALTER tags SET NOT NULL', finds: [] },
  {
    what: 'the primary key is over fewer columns',
    sql: 'ALTER TABLE booking DROP CONSTRAINT booking_pkey, ADD PRIMARY KEY (room)',
    finds: [IDENTITY],
    says: [
      'replica identity of (room)',
      'If its primary key (room) is right, correct model Booking in schema.prisma',
    ],
  },
  {
    what: 'the primary key is over fewer columns, and the WAL carries the contract’s key all the same',
    sql: 'ALTER TABLE booking DROP CONSTRAINT booking_pkey, ADD PRIMARY KEY (room), REPLICA IDENTITY FULL',
    finds: ['note ADVICE.KEY'],
    says: [
      '(room) in the database and (guest_id, room) in the contract',
      'correct the model in schema.prisma',
    ],
  },
  {
    what: 'the primary key is over more columns',
    sql: 'ALTER TABLE booking DROP CONSTRAINT booking_pkey, ADD PRIMARY KEY (guest_id, room, currency)',
    finds: [IDENTITY],
    says: ['no unique index over (guest_id, room)', 'its primary key (guest_id, room, currency)'],
  },
  {
    what: 'the primary key is another column',
    sql: 'ALTER TABLE booking DROP CONSTRAINT booking_pkey; ALTER TABLE booking ADD id serial PRIMARY KEY',
    finds: [IDENTITY],
    says: ['its primary key (id) is right'],
  },
  {
    what: 'there is no primary key',
    sql: 'ALTER TABLE booking DROP CONSTRAINT booking_pkey',
    finds: [IDENTITY],
    says: ['no primary key', 'Add a primary key'],
    isMended: true,
  },
  {
    what: 'the columns of the primary key have another order',
    sql: 'ALTER TABLE booking DROP CONSTRAINT booking_pkey, ADD PRIMARY KEY (room, guest_id)',
    finds: [],
  },
  {
    what: 'a unique index is gone',
    sql: 'DROP INDEX guest_email_key',
    finds: ['note ADVICE.UNIQUE'],
    says: ['no unique index over (email)', 'take it out of schema.prisma'],
    isMended: true,
  },
  {
    what: 'a unique index is partial',
    sql: 'DROP INDEX booking_room_note_key; CREATE UNIQUE INDEX partly ON booking (room, note) WHERE room > 1',
    finds: ['note ADVICE.UNIQUE'],
    says: ['no unique index over (room, note)'],
    isMended: true,
  },
  {
    what: 'a unique index is over fewer columns and has another name',
    sql: 'DROP INDEX booking_room_note_key; CREATE UNIQUE INDEX rooms ON booking (room)',
    finds: [],
  },
  {
    what: 'a label is added',
    sql: "ALTER TYPE mood ADD VALUE 'bored' BEFORE 'glad'",
    finds: [LABEL],
    says: ['Enum Mood has the labels "bored"', 'Add them to schema.prisma'],
  },
  {
    what: 'a label is renamed',
    sql: "ALTER TYPE mood RENAME VALUE 'glad' TO 'it''s \"fine\"'",
    finds: [LABEL, 'note CONTRACT.TYPE_MISMATCH'],
    says: ['If "glad" was renamed, write @map("it\'s \\"fine\\"") at Mood.GLAD', 'lacks the labels "glad"'],
    isMended: true,
  },
  {
    what: 'a label is gone',
    sql: mood("'glad', 'sad'"),
    finds: ['note CONTRACT.TYPE_MISMATCH'],
    says: ['lacks the labels "calm"', 'Apply your migrations'],
  },
  {
    what: 'a label is gone and another is there at another place',
    sql: mood("'glad', 'calm', 'sadder'"),
    finds: [LABEL, 'note CONTRACT.TYPE_MISMATCH'],
    says: ['Add them to schema.prisma'],
  },
  { what: 'the labels have another order', sql: mood("'calm', 'glad', 'sad'"), finds: [] },
  {
    what: 'there are further tables, views, columns, indexes, types and defaults',
    sql: `CREATE TABLE extra (LIKE booking INCLUDING ALL); CREATE VIEW v AS SELECT * FROM booking;
      ALTER TABLE booking ADD extra text NOT NULL DEFAULT 'x'; CREATE INDEX ON booking (note);
      CREATE TYPE billing.mood AS ENUM ('sad'); ALTER TABLE guest ALTER email SET DEFAULT 'x'`,
    finds: [],
  },
]
