/** Values that several may share, since nobody can change them. */

/** Freezes what it can, all the way down. True: nothing in it can be changed. Dates, maps, sets and bytes can. */
export const freeze = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function'
  if (Object.isFrozen(value) && Object.keys(value).length === 0) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null) return false
  if (Object.isFrozen(value)) return true
  Object.freeze(value)
  let whole = true
  for (const one of Object.values(value)) whole = freeze(one) && whole
  return whole
}
