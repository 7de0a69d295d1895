import { avg, count, defineView, eq, max, sum } from 'prisma-dbsync'
import { Restaurant, User, Visit } from '../generated/dbsync/index.ts'

/** What guests think of each restaurant; one row a restaurant, also without visits. */
export const restaurantRating = defineView('restaurant_rating', (q) =>
  q
    .from({ r: Restaurant })
    .leftJoin({ v: Visit }, ({ r, v }) => eq(v.restaurantId, r.id))
    .groupBy(({ r }) => [r.id, r.name])
    .select(({ r, v }) => ({
      id: r.id,
      name: r.name,
      visits: count(v.userId),
      rating: avg(v.visitRating),
      spent: sum(v.amountSpent),
    })),
)

/** What each user has spent, and the best rating given. */
export const userSpend = defineView('user_spend', (q) =>
  q
    .from({ u: User })
    .leftJoin({ v: Visit }, ({ u, v }) => eq(v.userId, u.id))
    .groupBy(({ u }) => [u.id])
    .select(({ u, v }) => ({
      id: u.id,
      visits: count(v.restaurantId),
      spent: sum(v.amountSpent),
      best: max(v.visitRating),
    })),
)

/** One row over all visits, also when there are none. */
export const grandTotal = defineView('grand_total', (q) =>
  q.from({ v: Visit }).select(({ v }) => ({
    visits: count(),
    spent: sum(v.amountSpent),
    rating: avg(v.visitRating),
  })),
)
