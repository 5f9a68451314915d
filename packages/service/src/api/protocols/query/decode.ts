/**
 * From the form of a request to the input of an operation, by the schema.
 *
 * What AWS answers to a form that does not fit:
 * - A parameter of another form than its member has, a list without `member` or the name of its items: `MalformedInput`, with the texts
 *   "Start of list found where not expected" (amazonka issue 209, SNS), "Unexpected list element termination" (boto pull request 872,
 *   CloudSearch) and "Top level element may not be treated as a list" (aws-elixir pull request 199, CloudWatch): one framework reads
 *   the forms of all these services.
 * - A required member that is missing: `InvalidParameterValue`, "The parameter … must be provided and must not be blank."
 *   (terraform-aws-elasticache-redis issue 89).
 * - A value that is no number, boolean or time: `InvalidParameterValue`, "an invalid or out-of-range value was supplied" by the common
 *   errors of the API reference.
 * - A parameter that the operation does not have: no record of ElastiCache's answer was found. It is refused (`InvalidQueryParameter` of
 *   the common errors), because a misspelt parameter that is passed over in silence does harm.
 */
import { Fault, invalidValue } from '../../../errors.ts'
import type { Scalar, Structure, Type } from './schema.ts'
import { isXmlText } from './xml.ts'

/** A name like `Tags.Tag.1.Key` is a path into this tree. */
interface Branch {
  value: string | null
  readonly children: Map<string, Branch>
}

const deepest = 12
const mostItems = 1_000
const longestValue = 64 * 1024

const shown = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}...` : text)
const malformed = (message: string): Fault => new Fault('MalformedInput', message)
const unknown = (path: string): Fault =>
  new Fault('InvalidQueryParameter', `The parameter ${shown(path)} is not one of this operation.`)

const newBranch = (): Branch => ({ value: null, children: new Map() })

const treeOf = (parameters: ReadonlyMap<string, string>): Branch => {
  const root = newBranch()
  for (const [name, value] of parameters) {
    const parts = name.split('.')
    if (parts.length > deepest)
      throw new Fault(
        'MalformedQueryString',
        `The parameter name ${shown(name)} has too many parts: expected at most ${deepest}.`,
      )
    let at = root
    for (const part of parts) {
      let next = at.children.get(part)
      if (next === undefined) {
        next = newBranch()
        at.children.set(part, next)
      }
      at = next
    }
    at.value = value
  }
  return root
}

/** All numbers in the inputs of this API are 32-bit integers; only answers have others. */
const integer = (value: string, path: string): number => {
  const number = /^[+-]?\d{1,10}$/.test(value) ? Number(value) : Number.NaN
  if (Number.isNaN(number) || number < -(2 ** 31) || number >= 2 ** 31)
    throw invalidValue(`The value of ${path} must be an integer of 32 bits, found ${shown(value)}.`)
  return number === 0 ? 0 : number // not -0
}

/** ISO 8601, or seconds since 1970. Days that a month does not have are no times: `Date` would go on into the next month. */
const time = (value: string, path: string): Date => {
  if (/^\d{1,11}(\.\d{1,3})?$/.test(value)) return new Date(Number(value) * 1000)
  const parts = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)$/.exec(value)
  const day = parts?.[1] ?? ''
  const found = parts === null ? Number.NaN : Date.parse(value)
  if (Number.isNaN(found) || new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10) !== day)
    throw invalidValue(`The value of ${path} must be a time like 2026-11-20T12:00:00Z, found ${shown(value)}.`)
  return new Date(found)
}

const scalar = (kind: Scalar, branch: Branch, path: string): string | number | boolean | Date => {
  const { value, children } = branch
  const [child] = children.keys()
  if (child !== undefined || value === null) {
    throw malformed(`Start of list found where not expected: ${path} is a single value, found ${shown(`${path}.${child}`)}.`)
  }
  if (value.length > longestValue)
    throw invalidValue(`The value of ${path} is too long: expected at most ${longestValue} characters, found ${value.length}.`)
  switch (kind) {
    case 'string':
      // Every answer is XML: what it cannot carry could not be shown again.
      if (!isXmlText(value)) throw invalidValue(`The value of ${path} holds characters that are not allowed.`)
      return value
    case 'number':
      return integer(value, path)
    case 'boolean':
      if (value !== 'true' && value !== 'false')
        throw invalidValue(`The value of ${path} must be true or false, found ${shown(value)}.`)
      return value === 'true'
    case 'time':
      return time(value, path)
  }
}

/** Items stand below their name in the model or, as older clients write it, below `member`. `Name=` alone is an empty list. */
const list = (itemName: string, item: Type, branch: Branch, path: string): readonly unknown[] => {
  const expected = `${path}.${itemName}.1`
  if (branch.children.size === 0 && branch.value === '') return []
  if (branch.value !== null)
    throw malformed(`Unexpected list element termination: expected ${expected}, found a value of ${path}.`)
  const below = branch.children.get(itemName) ?? branch.children.get('member')
  const other = [...branch.children].find(([, each]) => each !== below)?.[0]
  if (below === undefined && /^\d+$/.test(other ?? ''))
    throw malformed(`Top level element may not be treated as a list: expected ${expected}, found ${shown(`${path}.${other}`)}.`)
  if (below === undefined || other !== undefined) throw unknown(`${path}.${other}`)
  if (below.value !== null)
    throw malformed(`Unexpected list element termination: expected ${expected}, found ${path}.${itemName}.`)
  const { size } = below.children
  if (size > mostItems) throw invalidValue(`${path} has too many items: expected at most ${mostItems}, found ${size}.`)
  // As many steps as there are items, however large their numbers are.
  return Array.from({ length: size }, (_, index) => {
    const name = `${path}.${itemName}.${index + 1}`
    const found = below.children.get(String(index + 1))
    if (found === undefined) {
      const [first] = [...below.children.keys()].filter((key) => !/^[1-9]\d*$/.test(key) || Number(key) > size)
      throw malformed(
        `Unexpected list element termination: expected ${name}, as items are numbered from 1 without gaps, found ${path}.${itemName}.${shown(first ?? '')}.`,
      )
    }
    return decode(item, found, name)
  })
}

const decode = (type: Type, branch: Branch, path: string): unknown => {
  if (type.kind === 'list') return list(type.itemName, type.item(), branch, path)
  if (type.kind === 'structure') return structure(type.structure(), branch, path)
  return scalar(type.kind, branch, path)
}

const missing = (type: Type, path: string): Fault =>
  invalidValue(`The parameter ${path} must be provided${type.kind === 'string' ? ' and must not be blank' : ''}.`)

const structure = (schema: Structure, branch: Branch, path: string): object => {
  if (branch.value !== null)
    throw malformed(`Unexpected complex element termination: ${path} has members, found the value ${shown(branch.value)}.`)
  const prefix = path === '' ? '' : `${path}.`
  const result: Record<string, unknown> = {}
  for (const { name, type, required } of schema.members) {
    const child = branch.children.get(name)
    if (child !== undefined) result[name] = decode(type, child, `${prefix}${name}`)
    else if (required) throw missing(type, `${prefix}${name}`)
  }
  for (const name of branch.children.keys()) {
    if (!Object.hasOwn(result, name)) throw unknown(`${prefix}${name}`)
  }
  return result
}

/** `parameters` without Action and Version. Throws a `Fault` in AWS's terms; never anything else. */
export const decodeInput = (schema: Structure, parameters: ReadonlyMap<string, string>): object =>
  structure(schema, treeOf(parameters), '')
