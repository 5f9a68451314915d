/** What went wrong, for people who have no use for a stack. */

/** One line, causes included. */
export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const own = error instanceof SuppressedError ? [error.error, error.suppressed].map(messageOf).join('; then ') : error.message
  return `${own}${error.cause === undefined ? '' : `: ${messageOf(error.cause)}`}`.replaceAll(/\s*\n\s*/g, ' ')
}
