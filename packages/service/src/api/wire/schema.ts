/**
 * The model that AWS ships, as the SDK carries it at run time: every operation, structure, list and error. Requests are decoded,
 * answers encoded and errors named from it. Source: the exported constants of `@aws-sdk/client-elasticache` that end in `$`.
 *
 * A schema is an array: `[kind, namespace, name, traits, …]`. Kind 3 is a structure, -3 an error, 9 an operation, 1 a list; a member is
 * a number (0 string, 1 number, 2 boolean, 4 time, 64 list of strings), a function that gives a schema, or a pair of it and traits.
 * Of a structure the required members come first, and its last element says how many they are.
 */
import { createRequire } from 'node:module'

export type Scalar = 'string' | 'number' | 'boolean' | 'time'

export type Type =
  | { readonly kind: Scalar }
  | { readonly kind: 'list'; readonly itemName: string; readonly item: () => Type }
  | { readonly kind: 'structure'; readonly structure: () => Structure }

export interface Member {
  readonly name: string
  readonly type: Type
  readonly required: boolean
}

export interface Structure {
  readonly name: string
  readonly members: readonly Member[]
  readonly memberNames: ReadonlySet<string>
}

export interface OperationSchema {
  readonly name: string
  readonly input: Structure
  readonly output: Structure
}

export interface ErrorSchema {
  readonly code: string
  readonly status: number
}

const exported = createRequire(import.meta.url)('@aws-sdk/client-elasticache') as Readonly<Record<string, unknown>>
const scalars: Readonly<Record<number, Scalar>> = { 0: 'string', 1: 'number', 2: 'boolean', 4: 'time' }
const listOfStrings = 64

const unexpected = (what: string, found: unknown): TypeError =>
  new TypeError(`expected ${what} in the API model, found ${JSON.stringify(found)}`)

const textAt = (schema: readonly unknown[], index: number): string => {
  const found = schema[index]
  if (typeof found !== 'string') throw unexpected('a text', found)
  return found
}

const resolve = (reference: unknown): unknown => (typeof reference === 'function' ? (reference as () => unknown)() : reference)

const traitOf = (traits: unknown, name: string): unknown =>
  typeof traits === 'object' && traits !== null ? (traits as Readonly<Record<string, unknown>>)[name] : undefined

/** A schema with traits beside it is a pair; a schema alone is a number or a longer array. */
const split = (reference: unknown): { readonly target: unknown; readonly traits: unknown } => {
  if (Array.isArray(reference) && reference.length === 2) return { target: resolve(reference[0]), traits: reference[1] }
  return { target: resolve(reference), traits: 0 }
}

const structures = new Map<unknown, Structure>()

const typeOf = (reference: unknown): Type => {
  const { target } = split(reference)
  if (typeof target === 'number') {
    if (target === listOfStrings) return { kind: 'list', itemName: 'member', item: () => ({ kind: 'string' }) }
    const kind = scalars[target]
    if (kind === undefined) throw unexpected('a known kind of value', target)
    return { kind }
  }
  if (!Array.isArray(target)) throw unexpected('a schema', target)
  if (target[0] === 3) return { kind: 'structure', structure: () => structureOf(target) }
  if (target[0] !== 1) throw unexpected('a structure or a list', target[0])
  const xmlName = traitOf(split(target[4]).traits, 'xmlName')
  return { kind: 'list', itemName: typeof xmlName === 'string' ? xmlName : 'member', item: () => typeOf(target[4]) }
}

const structureOf = (schema: readonly unknown[]): Structure => {
  const present = structures.get(schema)
  if (present !== undefined) return present
  const names = (schema[4] ?? []) as readonly string[]
  const references = (schema[5] ?? []) as readonly unknown[]
  const required = Number(schema[6] ?? 0)
  const made: Structure = {
    name: textAt(schema, 2),
    members: names.map((name, index) => ({ name, type: typeOf(references[index]), required: index < required })),
    memberNames: new Set(names),
  }
  structures.set(schema, made)
  return made
}

const empty: Structure = { name: 'Unit', members: [], memberNames: new Set() }

const inputOrOutput = (reference: unknown): Structure => {
  const target = resolve(reference)
  return Array.isArray(target) && target[0] === 3 ? structureOf(target) : empty
}

const schemas = Object.entries(exported).flatMap(([name, value]) =>
  name.endsWith('$') && Array.isArray(value) ? [value as readonly unknown[]] : [],
)

/** All 75, by name. */
export const operations: ReadonlyMap<string, OperationSchema> = new Map(
  schemas
    .filter((schema) => schema[0] === 9)
    .map((schema) => {
      const name = textAt(schema, 2)
      return [name, { name, input: inputOrOutput(schema[4]), output: inputOrOutput(schema[5]) }]
    }),
)

const errorOf = (schema: readonly unknown[]): ErrorSchema => {
  const query = traitOf(schema[3], 'awsQueryError')
  const [code, status] = Array.isArray(query) ? (query as readonly unknown[]) : []
  return {
    code: typeof code === 'string' ? code : textAt(schema, 2),
    status: Number(status ?? traitOf(schema[3], 'httpError') ?? 400),
  }
}

/** By the name of the shape. Wire codes and statuses are irregular and come from the trait alone. */
export const errors: ReadonlyMap<string, ErrorSchema> = new Map(
  schemas.filter((schema) => schema[0] === -3).map((schema) => [textAt(schema, 2), errorOf(schema)]),
)

export const apiVersion = '2015-02-02'
export const namespace = `http://elasticache.amazonaws.com/doc/${apiVersion}/`
