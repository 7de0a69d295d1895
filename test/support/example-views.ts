import { grandTotal, restaurantRating, userSpend } from '../../examples/views.ts'

/** The running example's three views. */
export const exampleViews = { restaurantRating, userSpend, grandTotal }
