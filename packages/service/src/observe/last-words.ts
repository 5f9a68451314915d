import { visible } from './visible.ts'

/**
 * The end of what a program wrote before it ended, on one line, to be shown to users. An engine that does not understand its configuration repeats the
 * line, and that may hold a password or the hash of one: both are long hexadecimal numbers.
 */
export const lastWords = (log: string, lines: number): string =>
  visible(
    log
      .trim()
      .split(/\r?\n/)
      .slice(-lines)
      .join(' | ')
      .replaceAll(/[0-9a-f]{32,}/gi, '(hidden)'),
  )
