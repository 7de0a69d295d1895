import { Messages } from './messages.ts'
import { OID, randomNumbers } from './workload.ts'

/** Of a hundred transactions, how many insert a visit and how many delete one; the others update one. */
const INSERTS = 20
const DELETES = 10

/**
 * Transactions of one row each over `visits` visits with ids from 1 on. The table grows by a tenth of them, so that its
 * growing is in what is measured.
 */
export function smallTransactions(count: number, visits: number, restaurants: number): Messages {
  const random = randomNumbers(20_260_202)
  const messages = new Messages()
  const live = Array.from({ length: visits }, (_, index) => index + 1)
  const restaurantOf = new Map<number, number>()
  let last = visits
  const add = (tag: 'I' | 'U', id: number, restaurant: number): void => {
    restaurantOf.set(id, restaurant)
    messages.add(tag, OID.visit, [
      String(id),
      String(restaurant),
      String(random(100_000)),
      String(10 + random(41)),
    ])
  }
  for (let index = 0; index < count; index += 1) {
    const kind = random(100)
    const place = random(live.length)
    const id = live[place]!
    if (kind < INSERTS) {
      last += 1
      live.push(last)
      add('I', last, random(restaurants))
    } else if (kind < INSERTS + DELETES) {
      live[place] = live.at(-1) ?? id
      live.pop()
      messages.add('D', OID.visit, [String(id), null, null, null])
    } else {
      // A visit of the first rows may so get another restaurant: it moves from group to group.
      add('U', id, restaurantOf.get(id) ?? random(restaurants))
    }
  }
  return messages
}
