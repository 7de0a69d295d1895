CREATE TABLE "public"."Restaurant" (
  "id" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "city" TEXT NOT NULL,
  CONSTRAINT "Restaurant_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "public"."Visit" (
  "id" SERIAL NOT NULL,
  "restaurantId" TEXT NOT NULL,
  "rating" INTEGER,
  CONSTRAINT "Visit_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "Visit_restaurantId_fkey" FOREIGN KEY ("restaurantId") REFERENCES "public"."Restaurant"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
