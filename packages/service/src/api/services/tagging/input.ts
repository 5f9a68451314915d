/** Parts of the input of the API for tags, and its errors. */
import { Fault } from '../../../errors.ts'
import type { JsonInput } from '../../protocols/json.ts'
import type { WireError } from '../../protocols/query/error.ts'
import { wireError } from '../../protocols/query/fault.ts'

const invalid = (message: string): Fault => new Fault('InvalidParameterException', message)

/** Null: no such error is known. */
export const taggingError = (fault: Fault): WireError | null =>
  ['InvalidParameterException', 'PaginationTokenExpiredException', 'SerializationException'].includes(fault.shape)
    ? { code: fault.shape, status: 400, message: fault.message }
    : wireError(fault)

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
