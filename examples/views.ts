import { avg, count, defineView, eq, max, sum } from 'prisma-dbsync'
import { Restaurant, User, Visit } from '../generated/dbsync/index.ts'

/** How the guests rate each restaurant; one that nobody visited is there with 0 visits and no rating. */
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

/** What each user spent, and the best rating that they gave. */
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

/** All visits in one row, which is there even when no visit is. */
export const grandTotal = defineView('grand_total', (q) =>
  q.from({ v: Visit }).select(({ v }) => ({
    visits: count(),
    rated: count(v.visitRating),
    rating: avg(v.visitRating),
    spent: sum(v.amountSpent),
    average: avg(v.amountSpent),
  })),
)
