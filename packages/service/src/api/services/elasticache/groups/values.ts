/** Single values of requests. All throw `InvalidParameterValueException`. */
import { invalidValue } from '../../../../errors.ts'
import { requiredText } from '../../../required.ts'

/** A whole number from `least` to `most`, both included; undefined stays undefined. */
export const wholeNumber = (name: string, value: number | undefined, least: number, most: number): number | undefined => {
  if (value === undefined) return undefined
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalidValue(`Invalid value for ${name}: must be a whole number from ${least} to ${most}, found ${value}.`)
  }
  return value
}

/** One of a few words, in any case; undefined and the empty text are undefined. */
export const oneOf = <T extends string>(name: string, value: string | undefined, words: readonly T[]): T | undefined => {
  if (value === undefined || value === '') return undefined
  const found = words.find((word) => word === value.toLowerCase())
  if (found === undefined)
    throw invalidValue(`Invalid value for ${name}: must be one of ${words.join(', ')}, found ${value.slice(0, 100)}.`)
  return found
}

/** Characters that no XML document can hold would make the answer unreadable. */
const unprintable = /[\p{Cc}\p{Cs}\ufffe\uffff]/u

export const descriptionText = (name: string, value: string | undefined): string => {
  const text = requiredText(name, value)
  if (text.length > 255) throw invalidValue(`The parameter ${name} must have at most 255 characters, found ${text.length}.`)
  if (unprintable.test(text)) throw invalidValue(`The parameter ${name} must hold no control characters.`)
  return text
}

/**
 * The port of every node. Below 1024 a process needs rights that Larder does not ask for. The nodes of a cluster talk to each other
 * on the port 10000 above it.
 */
export const portNumber = (value: number | undefined, usual: number, clustered: boolean): number =>
  wholeNumber('Port', value, 1024, clustered ? 55_535 : 65_535) ?? usual
