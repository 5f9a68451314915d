/**
 * The model that AWS ships: every operation, structure, list and error. Requests are decoded, answers encoded and errors named from it.
 * It is read from `model.json`, which `aws-model.ts` makes from the SDK.
 */
import { readFileSync } from 'node:fs'

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

/** As the file has them; `list` is what the list calls its items in XML. */
export type ModelType = Scalar | { readonly list: string; readonly of: ModelType } | { readonly structure: string }
export type ModelMember = readonly [name: string, type: ModelType, required?: 'required']
export interface AwsModel {
  readonly operations: Readonly<Record<string, readonly [input: string | null, output: string | null]>>
  readonly structures: Readonly<Record<string, readonly ModelMember[]>>
  readonly errors: Readonly<Record<string, readonly [code: string, status: number]>>
}

const modelFile = new URL('./model.json', import.meta.url)
const model = JSON.parse(readFileSync(modelFile, 'utf8')) as AwsModel

const structures = new Map<string, Structure>()

const typeOf = (type: ModelType): Type => {
  if (typeof type === 'string') return { kind: type }
  if ('list' in type) return { kind: 'list', itemName: type.list, item: () => typeOf(type.of) }
  return { kind: 'structure', structure: () => structureOf(type.structure) }
}

const structureOf = (name: string): Structure => {
  const present = structures.get(name)
  if (present !== undefined) return present
  const members = model.structures[name]
  if (members === undefined) throw new TypeError(`expected the structure ${name} in ${modelFile.pathname}, found none`)
  const made: Structure = {
    name,
    members: members.map(([member, type, required]) => ({ name: member, type: typeOf(type), required: required !== undefined })),
    memberNames: new Set(members.map(([member]) => member)),
  }
  structures.set(name, made)
  return made
}

const empty: Structure = { name: 'Unit', members: [], memberNames: new Set() }
const inputOrOutput = (name: string | null): Structure => (name === null ? empty : structureOf(name))

/** All 75, by name. */
export const operations: ReadonlyMap<string, OperationSchema> = new Map(
  Object.entries(model.operations).map(([name, [input, output]]) => [
    name,
    { name, input: inputOrOutput(input), output: inputOrOutput(output) },
  ]),
)

/** By the name of the shape. Wire codes and statuses are irregular and come from the model alone. */
export const errors: ReadonlyMap<string, ErrorSchema> = new Map(
  Object.entries(model.errors).map(([name, [code, status]]) => [name, { code, status }]),
)

export const apiVersion = '2015-02-02'
export const namespace = `http://elasticache.amazonaws.com/doc/${apiVersion}/`
