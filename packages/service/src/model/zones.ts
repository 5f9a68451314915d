/** Each region has three availability zones; a zone is a network of the home. */
const letters = ['a', 'b', 'c'] as const

/** `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`. */
export const isRegion = (text: string): boolean =>
  /^(?:[a-z]{2}|eusc)(-[a-z]{2,10}){1,3}-[1-9][0-9]?$/.test(text) && text.length <= 32

export const zonesOf = (region: string): readonly string[] => letters.map((letter) => `${region}${letter}`)

/** 0 for zone a, 1 for b, 2 for c. Throws `TypeError` for a zone that does not exist: check with `zonesOf` before. */
export const zoneIndex = (zone: string): 0 | 1 | 2 => {
  const index = letters.findIndex((letter) => zone.endsWith(letter))
  if (index === 0 || index === 1 || index === 2) return index
  throw new TypeError(`expected a zone that ends with a, b or c, found ${zone}`)
}
