/** The key of every derived table, an integer column: which row of its node it is. No field and no output holds a NUL. */
export const ROW_KEY = '\0row'
