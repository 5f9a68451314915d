/**
 * Makes `model.json` from the model that AWS ships, as the SDK carries it at run time: the exported constants of
 * `@aws-sdk/client-elasticache` that end in `$`. The service reads the file: the SDK takes 50 ms of each start and 28 MB.
 * Run with a new version of the SDK: `node packages/service/src/api/protocols/query/aws-model.ts`. A test tells when the file is not up to date.
 *
 * A schema is an array: `[kind, namespace, name, traits, …]`. Kind 3 is a structure, -3 an error, 9 an operation, 1 a list; a member is
 * a number (0 string, 1 number, 2 boolean, 4 time, 64 list of strings), a function that gives a schema, or a pair of it and traits.
 * Of a structure the required members come first, and its last element says how many they are.
 */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AwsModel, ModelMember, ModelType, Scalar } from './schema.ts'

export const modelFile = new URL('./model.json', import.meta.url)

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

const isStructure = (target: unknown): target is readonly unknown[] => Array.isArray(target) && target[0] === 3

/** Structures by name, as they are met. */
type Structures = Map<string, { readonly schema: readonly unknown[]; readonly members: ModelMember[] }>

const typeOf = (reference: unknown, structures: Structures): ModelType => {
  const { target } = split(reference)
  if (typeof target === 'number') {
    if (target === listOfStrings) return { list: 'member', of: 'string' }
    const kind = scalars[target]
    if (kind === undefined) throw unexpected('a known kind of value', target)
    return kind
  }
  if (isStructure(target)) return { structure: nameOf(target, structures) }
  if (!Array.isArray(target) || target[0] !== 1) throw unexpected('a structure or a list', target)
  const xmlName = traitOf(split(target[4]).traits, 'xmlName')
  return { list: typeof xmlName === 'string' ? xmlName : 'member', of: typeOf(target[4], structures) }
}

const nameOf = (schema: readonly unknown[], structures: Structures): string => {
  const name = textAt(schema, 2)
  const present = structures.get(name)
  if (present !== undefined) {
    if (present.schema !== schema) throw unexpected('one structure for each name', name)
    return name
  }
  const members: ModelMember[] = []
  structures.set(name, { schema, members })
  const names = (schema[4] ?? []) as readonly string[]
  const references = (schema[5] ?? []) as readonly unknown[]
  const required = Number(schema[6] ?? 0)
  for (const [index, member] of names.entries()) {
    const type = typeOf(references[index], structures)
    members.push(index < required ? [member, type, 'required'] : [member, type])
  }
  return name
}

const inputOrOutput = (reference: unknown, structures: Structures): string | null => {
  const target = resolve(reference)
  return isStructure(target) ? nameOf(target, structures) : null
}

const errorOf = (schema: readonly unknown[]): readonly [code: string, status: number] => {
  const query = traitOf(schema[3], 'awsQueryError')
  const [code, status] = Array.isArray(query) ? (query as readonly unknown[]) : []
  return [typeof code === 'string' ? code : textAt(schema, 2), Number(status ?? traitOf(schema[3], 'httpError') ?? 400)]
}

/** From what the SDK exports. */
const modelOf = (exported: Readonly<Record<string, unknown>>): AwsModel => {
  const schemas = Object.entries(exported).flatMap(([name, value]) =>
    name.endsWith('$') && Array.isArray(value) ? [value as readonly unknown[]] : [],
  )
  const structures: Structures = new Map()
  const operations = schemas
    .filter((schema) => schema[0] === 9)
    .map((schema) => [textAt(schema, 2), [4, 5].map((index) => inputOrOutput(schema[index], structures))] as const)
  const errors = schemas.filter((schema) => schema[0] === -3).map((schema) => [textAt(schema, 2), errorOf(schema)] as const)
  return {
    operations: Object.fromEntries(operations.map(([name, [input = null, output = null]]) => [name, [input, output]])),
    structures: Object.fromEntries([...structures].map(([name, { members }]) => [name, members])),
    errors: Object.fromEntries(errors),
  }
}

/** One line for each operation, member and error, so that a new version of the model can be read as a difference. */
const textOf = ({ operations, structures, errors }: AwsModel): string => {
  const object = (entries: readonly (readonly [string, string])[]): string =>
    `{\n${entries.map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(',\n')}\n}`
  const plain = (record: object): string =>
    object(Object.entries(record).map(([name, value]) => [name, JSON.stringify(value)] as const))
  const members = ([name, list]: readonly [string, readonly ModelMember[]]): readonly [string, string] => [
    name,
    list.length === 0 ? '[]' : `[\n  ${list.map((member) => JSON.stringify(member)).join(',\n  ')}\n]`,
  ]
  const parts = [
    ['operations', plain(operations)],
    ['structures', object(Object.entries(structures).map(members))],
    ['errors', plain(errors)],
  ] as const
  return `${object(parts)}\n`
}

/** What the file has to say, by the SDK that is installed. */
export const modelText = (): string =>
  textOf(modelOf(createRequire(import.meta.url)('@aws-sdk/client-elasticache') as Readonly<Record<string, unknown>>))

if (import.meta.main) writeFileSync(modelFile, modelText())
