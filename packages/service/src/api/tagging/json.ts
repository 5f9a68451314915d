/** JSON as the API for tags speaks it: the action is in a header, the input is one object. */
import { Fault } from '../../errors.ts'
import { parseJson } from '../../model/json.ts'
import type { SignedRequest } from '../../security/sigv4.ts'
import type { WireError } from '../wire/error.ts'
import { wireError } from '../wire/fault.ts'

export const jsonType = 'application/x-amz-json-1.1'
const target = 'ResourceGroupsTaggingAPI_20170126.'

const invalid = (message: string): Fault => new Fault('InvalidParameterException', message)

export type JsonInput = Readonly<Record<string, unknown>>

/** Throws `InvalidAction`, `UnsupportedMediaType`, `SerializationException`. */
export const readJson = ({ headers, body }: SignedRequest): { readonly action: string; readonly input: JsonInput } => {
  const named = headers['x-amz-target'] ?? ''
  if (!named.startsWith(target))
    throw new Fault(
      'InvalidAction',
      `Expected a header x-amz-target like ${target}GetResources, found ${named.slice(0, 100) || 'none'}.`,
    )
  const type = headers['content-type'] ?? ''
  if (type.split(';')[0]?.trim().toLowerCase() !== jsonType)
    throw new Fault('UnsupportedMediaType', `Expected a body of ${jsonType}, found ${type.slice(0, 100) || 'no content type'}.`)
  let input: unknown
  try {
    input = parseJson(Buffer.from(body).toString('utf8') || '{}')
  } catch (error) {
    throw new Fault('SerializationException', `The body is no JSON: ${String(error).slice(0, 200)}`)
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw new Fault('SerializationException', 'Expected a body that is one object.')
  return { action: named.slice(target.length), input: input as JsonInput }
}

/** Null: no such error is known. */
export const taggingError = (fault: Fault): WireError | null =>
  ['InvalidParameterException', 'PaginationTokenExpiredException', 'SerializationException'].includes(fault.shape)
    ? { code: fault.shape, status: 400, message: fault.message }
    : wireError(fault)

export const encodeJsonError = ({ code, message }: WireError): string => JSON.stringify({ __type: code, message })

export const refuseOthers = (input: JsonInput, known: readonly string[]): void => {
  const other = Object.keys(input).find((name) => !known.includes(name))
  if (other !== undefined) throw invalid(`Expected none but ${known.join(', ')}, found ${other.slice(0, 100)}.`)
}

/** Empty where it is left out. */
export const textsOf = (input: JsonInput, name: string, most: number): readonly string[] => {
  const value = input[name] ?? []
  if (!Array.isArray(value) || value.length > most || !value.every((each) => typeof each === 'string'))
    throw invalid(`Expected ${name} to be a list of at most ${most} texts.`)
  return value as readonly string[]
}

export const objectsOf = (input: JsonInput, name: string, most: number): readonly JsonInput[] => {
  const value = input[name] ?? []
  if (!Array.isArray(value) || value.length > most || !value.every((each) => typeof each === 'object' && each !== null))
    throw invalid(`Expected ${name} to be a list of at most ${most} objects.`)
  return value as readonly JsonInput[]
}

export const textOf = (input: JsonInput, name: string): string => {
  const value = input[name] ?? ''
  if (typeof value !== 'string') throw invalid(`Expected ${name} to be a text.`)
  return value
}
