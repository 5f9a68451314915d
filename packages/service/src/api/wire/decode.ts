/** From the form of a request to the input of an operation, by the schema. */
import { Fault, invalidValue } from '../../errors.ts'
import type { Structure, Type } from './schema.ts'

/** A name like `Tags.Tag.1.Key` is a path into this tree. */
interface Branch {
  value: string | null
  readonly children: Map<string, Branch>
}

const deepest = 12
const mostItems = 1_000
const longestValue = 64 * 1024

const newBranch = (): Branch => ({ value: null, children: new Map() })

const treeOf = (parameters: ReadonlyMap<string, string>): Branch => {
  const root = newBranch()
  for (const [name, value] of parameters) {
    const parts = name.split('.')
    if (parts.length > deepest)
      throw new Fault('MalformedQueryString', `The parameter name ${name.slice(0, 100)} has too many parts.`)
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

const shown = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}...` : text)

const unknown = (path: string): Fault =>
  new Fault('InvalidQueryParameter', `The parameter ${shown(path)} is not one of this operation.`)

const scalar = (kind: 'string' | 'number' | 'boolean' | 'time', branch: Branch, path: string): unknown => {
  const { value, children } = branch
  if (children.size > 0 || value === null) throw unknown(`${path}.${[...children.keys()][0] ?? ''}`)
  if (value.length > longestValue)
    throw invalidValue(`The value of ${path} is too long: expected at most ${longestValue} characters, found ${value.length}.`)
  switch (kind) {
    case 'string':
      // XML, in which every answer is written, cannot carry them.
      if (/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(value))
        throw invalidValue(`The value of ${path} holds characters that are not allowed.`)
      return value
    case 'number': {
      const number = /^[+-]?\d{1,15}(\.\d{1,6})?$/.test(value) ? Number(value) : Number.NaN
      if (Number.isNaN(number) || Math.abs(number) > 2 ** 53)
        throw invalidValue(`The value of ${path} must be a number, found ${shown(value)}.`)
      return number
    }
    case 'boolean':
      if (value !== 'true' && value !== 'false')
        throw invalidValue(`The value of ${path} must be true or false, found ${shown(value)}.`)
      return value === 'true'
    case 'time': {
      const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/.test(value)
        ? Date.parse(value)
        : Number.NaN
      const seconds = /^\d{1,11}(\.\d{1,3})?$/.test(value) ? Number(value) * 1000 : time
      if (Number.isNaN(seconds))
        throw invalidValue(`The value of ${path} must be a time like 2026-11-20T12:00:00Z, found ${shown(value)}.`)
      return new Date(seconds)
    }
  }
}

/** Items stand below the item's name, below `member`, or directly: clients differ. */
const list = (itemName: string, item: Type, branch: Branch, path: string): unknown => {
  if (branch.value !== null && branch.value !== '')
    throw invalidValue(`${path} is a list: expected ${path}.${itemName}.1, found a value.`)
  const wrapped = branch.children.get(itemName) ?? branch.children.get('member')
  if (wrapped !== undefined && branch.children.size > 1) throw unknown(`${path}.${[...branch.children.keys()][1] ?? ''}`)
  const items = (wrapped ?? branch).children
  if (wrapped !== undefined && wrapped.value !== null)
    throw invalidValue(`${path} is a list: expected ${path}.${itemName}.1, found a value.`)
  if (items.size > mostItems)
    throw invalidValue(`${path} has too many items: expected at most ${mostItems}, found ${items.size}.`)
  return Array.from({ length: items.size }, (_, index) => {
    const found = items.get(String(index + 1))
    if (found === undefined)
      throw invalidValue(
        `The items of ${path} must be numbered from 1 without gaps; there is no ${path}.${itemName}.${index + 1}.`,
      )
    return decodeValue(item, found, `${path}.${itemName}.${index + 1}`)
  })
}

const decodeValue = (type: Type, branch: Branch, path: string): unknown => {
  if (type.kind === 'list') return list(type.itemName, type.item(), branch, path)
  if (type.kind === 'structure') return structure(type.structure(), branch, path)
  return scalar(type.kind, branch, path)
}

const structure = (schema: Structure, branch: Branch, path: string): object => {
  const prefix = path === '' ? '' : `${path}.`
  if (branch.value !== null) throw invalidValue(`${path} is a structure: expected members below it, found a value.`)
  const members = new Map(schema.members.map((member) => [member.name, member]))
  const result: Record<string, unknown> = {}
  for (const [name, child] of branch.children) {
    const member = members.get(name)
    if (member === undefined) throw unknown(`${prefix}${name}`)
    result[name] = decodeValue(member.type, child, `${prefix}${name}`)
  }
  for (const member of schema.members) {
    if (member.required && result[member.name] === undefined) {
      throw new Fault('MissingParameter', `The request must contain the parameter ${prefix}${member.name}.`)
    }
  }
  return result
}

/** `parameters` without Action and Version. Throws a `Fault` in AWS's terms; never anything else. */
export const decodeInput = (schema: Structure, parameters: ReadonlyMap<string, string>): object =>
  structure(schema, treeOf(parameters), '')
