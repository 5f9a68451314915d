/**
 * Markers as they go over the wire: each names the operation that gave it, and none other takes it. Another operation would find a page
 * somewhere in the middle of its own list. Within, a marker is the base64 form of the last key of the page.
 */
import { invalidValue } from '../errors.ts'

interface Marked {
  readonly Marker?: unknown
}

const givenMarker = (operation: string, marker: string): string =>
  Buffer.from(`${operation}/${marker}`, 'utf8').toString('base64')

/** The input with the marker that the action gave. Throws `InvalidParameterValueException`. */
export const withoutOperation = <T extends object>(operation: string, input: T): T => {
  const { Marker: marker } = input as Marked
  if (typeof marker !== 'string' || marker === '') return input
  const text = Buffer.from(marker, 'base64').toString('utf8')
  const inner = text.startsWith(`${operation}/`) ? text.slice(operation.length + 1) : ''
  if (inner === '' || givenMarker(operation, inner) !== marker)
    throw invalidValue(`The marker ${marker.slice(0, 100)} is not one that a ${operation} request before gave.`)
  return { ...input, Marker: inner }
}

export const withOperation = <T extends object>(operation: string, output: T): T => {
  const { Marker: marker } = output as Marked
  return typeof marker === 'string' && marker !== '' ? { ...output, Marker: givenMarker(operation, marker) } : output
}
