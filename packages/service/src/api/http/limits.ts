/** How many connections the API takes at once. Pure. */

export interface ConnectionLimits {
  /** Of peers whose signature has been right on this connection. */
  readonly signed: number
  /** Of all others. */
  readonly unsigned: number
}

/** Where the machine does not say how many files a process may open. */
const usualFiles = 1_024
const least = 8
const most = 1_024

/**
 * Half of the descriptors of this process are for engines, files and children; the rest is shared by those who have signed and those who
 * have not.
 */
export const connectionLimits = (openFiles: number | null): ConnectionLimits => {
  const each = Math.min(most, Math.max(least, Math.floor((openFiles ?? usualFiles) / 4)))
  return { signed: each, unsigned: each }
}
