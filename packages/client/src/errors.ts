export type CacheErrorCode =
  | 'usage' // an argument that makes no sense
  | 'unavailable' // the server does not answer, or not in time; trying again may help
  | 'refused' // the server answers with an error: no permission, no memory
  | 'timeout' // the application's own work took longer than it was given
  | 'conflict' // somebody else changed it meanwhile
  | 'closed' // it was closed

/** What went wrong here. Errors of the application's own functions are its own, and pass through as they are. */
export class CacheError extends Error {
  override readonly name = 'CacheError'
  readonly code: CacheErrorCode

  constructor(code: CacheErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export const isCacheError = (error: unknown, ...codes: readonly CacheErrorCode[]): error is CacheError =>
  error instanceof CacheError && (codes.length === 0 || codes.includes(error.code))

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
