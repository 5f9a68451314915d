import { types } from 'node:util'

export type CacheErrorCode =
  | 'usage' // an argument that makes no sense
  | 'unavailable' // the server does not answer, or not in time; trying again may help
  | 'refused' // the server answers with an error: no permission, no memory
  | 'timeout' // the application's own work took longer than it was given
  | 'conflict' // somebody else changed it meanwhile
  | 'closed' // it was closed

/**
 * An application may have this library more than once: as an ES module and as CommonJS, in a bundle and beside it, or once for each package of a
 * monorepo. Each copy has a class of its own, and the cache of one may be used with the connection of another. All copies know errors by this.
 */
const brand: unique symbol = Symbol.for('@larder/client: CacheError')

const isBranded = (value: unknown): value is CacheError => typeof value === 'object' && value !== null && brand in value

/** What went wrong here. Errors of the application's own functions are its own, and pass through as they are. */
export class CacheError extends Error {
  override readonly name = 'CacheError'
  readonly code: CacheErrorCode

  constructor(code: CacheErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** Of any copy. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a class that extends this one asks for its own instances
    return this === CacheError ? isBranded(value) : Function.prototype[Symbol.hasInstance].call(this, value)
  }
}
Object.defineProperty(CacheError.prototype, brand, { value: true })

/** Whether this library says it, with one of these codes where some are named. True for the errors of every copy of the library. */
export const isCacheError = (error: unknown, ...codes: readonly CacheErrorCode[]): error is CacheError =>
  isBranded(error) && (codes.length === 0 || codes.includes(error.code))

/** Tests run with globals of their own, so that `instanceof` does not know what Node itself has made. */
const isError = (error: unknown): error is Error => error instanceof Error || types.isNativeError(error)

export const messageOf = (error: unknown): string => (isError(error) ? error.message : String(error))
