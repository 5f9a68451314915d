/** Errors that say what the machine or this process has too little of right now. The same call succeeds later. */

/** Descriptors of this process, descriptors of the machine, memory, processes of this user, buffers of the kernel. */
const shortages: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ENOBUFS'])

export const isShortage = (error: unknown): boolean =>
  error instanceof Error && (('code' in error && shortages.has(String(error.code))) || isShortage(error.cause))
