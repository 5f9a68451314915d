/** From the output of an operation to XML, by the schema. */
import { namespace, type Structure, type Type } from './schema.ts'
import { escapeXml } from './xml.ts'

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

const unexpected = (path: string, expected: string, found: unknown): TypeError =>
  new TypeError(`expected ${expected} for ${path} of an answer, found ${typeof found}`)

const scalarText = (type: Type, value: unknown, path: string): string => {
  if (type.kind === 'time') {
    if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw unexpected(path, 'a Date', value)
    return value.toISOString()
  }
  if (typeof value !== type.kind || (type.kind === 'number' && !Number.isFinite(value)))
    throw unexpected(path, `a ${type.kind}`, value)
  return escapeXml(String(value))
}

const contentOf = (type: Type, value: unknown, path: string): string => {
  if (type.kind === 'structure') {
    if (!isRecord(value)) throw unexpected(path, 'an object', value)
    return membersOf(type.structure(), value, path)
  }
  if (type.kind === 'list') {
    if (!Array.isArray(value)) throw unexpected(path, 'a list', value)
    const item = type.item()
    return value.map((each: unknown) => `<${type.itemName}>${contentOf(item, each, path)}</${type.itemName}>`).join('')
  }
  return scalarText(type, value, path)
}

/** Members that are undefined or null are left out; empty lists are written, as AWS does. */
const membersOf = (schema: Structure, value: Readonly<Record<string, unknown>>, path: string): string => {
  const stray = Object.keys(value).find((name) => !schema.memberNames.has(name) && value[name] !== undefined)
  if (stray !== undefined) throw new TypeError(`expected members of ${schema.name} at ${path}, found ${stray}`)
  return schema.members
    .map(({ name, type }) => {
      const member = value[name]
      if (member === undefined || member === null) return ''
      return `<${name}>${contentOf(type, member, `${path}.${name}`)}</${name}>`
    })
    .join('')
}

/**
 * The whole answer of an operation. Times have milliseconds, as in the answers of AWS. Operations without an output have no result element.
 * Throws `TypeError` where `output` is not of the schema: that is a fault of ours, and no answer is better than half of one.
 */
export const encodeOutput = (operation: string, schema: Structure, output: object, requestId: string): string => {
  const members = membersOf(schema, output as Readonly<Record<string, unknown>>, operation)
  const result = schema.members.length === 0 ? '' : `<${operation}Result>${members}</${operation}Result>`
  return `<${operation}Response xmlns="${namespace}">${result}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${operation}Response>`
}
