import { blockOf } from './addresses.ts'

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

/** The zone in whose network the address of a node lies; null for an endpoint, and for an address of no home. */
export const zoneOfAddress = (region: string, address: string): string | null => {
  const block = blockOf(address)
  return block === null ? null : (zonesOf(region)[Number(address.split('.')[1]) - block.first - 1] ?? null)
}

const directions: Readonly<Record<string, string>> = { north: 'n', south: 's', east: 'e', west: 'w', central: 'c', gov: 'g' }

/** `use1-az1` of `us-east-1a`, in the letters that AWS uses. Which number a zone has differs from account to account there; here a is 1. */
export const zoneId = (zone: string): string => {
  const words = zone.slice(0, -1).split('-')
  const short = words.map((word, index) => {
    if (index === 0 || index === words.length - 1) return word
    return word.replace(/north|south|east|west|central|gov/g, (found) => directions[found] ?? found)
  })
  return `${short.join('')}-az${zoneIndex(zone) + 1}`
}

/** Regions of AWS that every account has. Any other is served here as well. */
export const usualRegions: readonly string[] = [
  ...['ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3', 'ap-south-1', 'ap-southeast-1', 'ap-southeast-2', 'ca-central-1'],
  ...['eu-central-1', 'eu-north-1', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'sa-east-1'],
  ...['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2'],
]
