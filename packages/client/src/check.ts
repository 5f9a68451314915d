/** What the application gives, held against tables: which options there are, and of which kind each is. Whatever does not fit is a `usage` error that says so. */
import { types } from 'node:util'
import { CacheError } from './errors.ts'

/** As messages say what was found: the kind always shows, and nothing is longer than a line. */
export const shown = (value: unknown): string => {
  switch (typeof value) {
    case 'string':
      return `'${value.length > 60 ? `${value.slice(0, 60)}…` : value}' (a string)`
    case 'bigint':
      return `${value}n (a bigint)`
    case 'number':
    case 'undefined':
      return String(value)
    case 'boolean':
      return `${value} (a boolean)`
    case 'function':
    case 'symbol':
      return `a ${typeof value}`
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return 'a list'
      if (types.isPromise(value)) return 'a promise, which is to be awaited'
      if (types.isMap(value)) return 'a Map'
      if (types.isSet(value)) return 'a Set'
      return types.isDate(value) ? 'a Date' : 'an object'
  }
}
/** Of what nobody is to read. */
const kindOf = (value: unknown): string => (typeof value === 'string' ? 'a string' : shown(value))

export const usage = (expected: string, found: string): CacheError =>
  new CacheError('usage', `expected ${expected}, found ${found}`)

export interface Kind {
  /** As in `expected ttl to be …`. */
  readonly is: string
  readonly holds: (value: unknown) => boolean
  /** Its value is not shown. */
  readonly isSecret?: true
}
export type Table = Readonly<Record<string, Kind>>

const longest = 2 ** 40
export const longestTimer = 2 ** 31 - 1

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

export const aText: Kind = { is: 'a text', holds: (value) => typeof value === 'string' }
export const aFunction: Kind = { is: 'a function', holds: (value) => typeof value === 'function' }
export const aFlag: Kind = { is: 'true or false', holds: (value) => typeof value === 'boolean' }
export const aList: Kind = { is: 'a list', holds: Array.isArray }
const anObject: Kind = { is: 'an object', holds: (value) => isObject(value) && !Array.isArray(value) }
/** Whose members are checked where they are used. */
export const anything: Kind = { is: 'anything', holds: () => true }
export const aNumber: Kind = {
  is: `a number from 0 to ${longest}`,
  holds: (value) => typeof value === 'number' && value >= 0 && value <= longest,
}
export const aTime: Kind = {
  is: `milliseconds from 0 to ${longestTimer}`,
  holds: (value) => typeof value === 'number' && value >= 0 && value <= longestTimer,
}
export const aMoment: Kind = { is: 'milliseconds', holds: (value) => typeof value === 'number' }
/** Also one of other globals than this module's, as tests have them. */
export const aSignal: Kind = {
  is: 'an AbortSignal',
  holds: (value) => isObject(value) && 'aborted' in value && 'addEventListener' in value,
}
export const oneOf = (...words: readonly string[]): Kind => ({
  is: `one of ${words.map((word) => `'${word}'`).join(', ')}`,
  holds: (value) => words.includes(value as string),
})

/** How many letters have to be put in, taken out or changed. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries())
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)))
    row = next
  }
  return row[b.length] ?? 0
}
const nearest = (name: string, names: readonly string[]): string | undefined => {
  const [best] = names.map((one) => ({ one, far: distance(name.toLowerCase(), one.toLowerCase()) })).sort((a, b) => a.far - b.far)
  return best !== undefined && best.far <= Math.max(1, Math.floor(best.one.length / 3)) ? best.one : undefined
}

const unknownOption = (what: string, name: string, table: Table): CacheError => {
  const names = Object.keys(table)
  const meant = nearest(name, names)
  const all = names.length === 0 ? 'none' : names.join(', ')
  return usage(`the options of ${what} (${all})`, `\`${name}\`${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`)
}

/** The names alone, for who checks the values by himself. What reads often is here: a name is looked up, and nothing is made. */
export const checkNames = (what: string, given: unknown, table: Table): void => {
  if (!isObject(given) || Array.isArray(given)) throw usage(`the options of ${what} to be an object`, shown(given))
  for (const name in given) if (!Object.hasOwn(table, name)) throw unknownOption(what, name, table)
}

export const check = (name: string, value: unknown, kind: Kind): void => {
  if (!kind.holds(value)) throw usage(`${name} to be ${kind.is}`, kind.isSecret === true ? kindOf(value) : shown(value))
}

/** What is undefined counts as left out. */
export const checkOptions = (what: string, given: unknown, table: Table, required: readonly string[] = []): void => {
  checkNames(what, given, table)
  const values = given as Readonly<Record<string, unknown>>
  for (const name of required) if (values[name] === undefined) throw usage(`${what} to be given ${name}`, 'none')
  for (const [name, kind] of Object.entries(table)) if (values[name] !== undefined) check(name, values[name], kind)
}

/** Of options within options. */
export const aGroup = (what: string, table: Table, required: readonly string[] = []): Kind => ({
  ...anObject,
  holds: (value) => {
    checkOptions(what, value, table, required)
    return true
  },
})

/** What `connectNodeRedis` and the others resolve with. */
export const checkConnection = (given: unknown): void => {
  const isConnection = isObject(given) && typeof (given as { readonly send?: unknown }).send === 'function'
  if (!isConnection) throw usage('a connection, as connectNodeRedis gives it', kindOf(given))
}

export const checkKey = (key: unknown): void => {
  // What is not whole the server could not tell from other keys.
  if (typeof key !== 'string' || key === '' || !key.isWellFormed())
    throw usage('a key that is a text of whole characters', shown(key))
}

/** Of what takes one thing and no options: whoever hands it more means something by that. */
export const checkAlone = (what: string, takes: string, behind: readonly unknown[]): void => {
  if (behind.length > 0) throw usage(`${what} to be given ${takes} alone`, `${shown(behind[0])} behind it`)
}
