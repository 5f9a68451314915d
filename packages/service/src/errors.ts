/**
 * The one catalogue of errors.
 *
 * `Fault` is what a caller of the API did wrong or may not do. Its `shape` names an error of the model that AWS ships;
 * the wire code and the HTTP status come from that model (`awsQueryError`), in `api/protocols/query`, and nowhere else.
 * `LarderError` is what went wrong on our own side; `retry` says whether doing it again may help.
 */
export class Fault extends Error {
  override readonly name = 'Fault'
  /** Name of the error shape in the AWS model (`CacheClusterNotFoundFault`), or a code of the common errors (`AccessDenied`). */
  readonly shape: string

  constructor(shape: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.shape = shape
  }
}

export const invalidValue = (message: string): Fault => new Fault('InvalidParameterValueException', message)
export const invalidCombination = (message: string): Fault => new Fault('InvalidParameterCombinationException', message)

export type LarderErrorCode =
  | 'store-corrupt' // what is on disk is not ours or damaged
  | 'store-lost' // the state, or a key to it, is missing, older than what is there, or another one
  | 'store-newer' // written by a later version of Larder
  | 'store-busy' // somebody else holds the home
  | 'store-failed' // the disk or the database refused
  | 'engine-missing' // no such engine version in the catalog
  | 'engine-install' // an engine could not be fetched or unpacked
  | 'engine-start' // a process did not come up
  | 'engine-command' // an engine refused a command
  | 'engine-unsaved' // an engine cannot write its data, and goes on
  | 'engine-unreachable' // the control connection failed
  | 'deadline' // not done in time
  | 'address-taken' // the address or the block of addresses is used by somebody else
  | 'machine' // the machine lacks something
  | 'usage' // a wrong command line

export class LarderError extends Error {
  override readonly name = 'LarderError'
  readonly code: LarderErrorCode
  /** True where the same attempt may succeed later without anybody changing anything. */
  readonly retry: boolean

  constructor(code: LarderErrorCode, message: string, options?: ErrorOptions & { retry?: boolean }) {
    super(message, options)
    this.code = code
    this.retry = options?.retry ?? false
  }
}

/** No room on the disk, or none of what this user may have of it; the last is SQLite's word for it. */
const fullDisk: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 13])

/** It, or what it came from, says that the disk is full: the same call succeeds when there is room. */
export const isOutOfRoom = (error: unknown): boolean =>
  error instanceof Error &&
  (('errcode' in error && fullDisk.has(error.errcode)) ||
    ('code' in error && fullDisk.has(error.code)) ||
    isOutOfRoom(error.cause))
