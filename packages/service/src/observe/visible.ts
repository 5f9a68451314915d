/**
 * What others wrote, for lines and terminals. Clients choose names, and by `redis.log` whole lines of an engine's log: a control character in them would
 * end a line, hide one, or command the terminal of whoever reads it.
 */

/** C0 without line break and tab, DEL and C1, line and paragraph separators, marks that turn the direction of a text. */
const commanding = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

const escaped = (character: string): string =>
  character === '\n' || character === '\t' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

export const visible = (text: string): string => text.replaceAll(commanding, escaped)

const longestLine = 16_384

/** One line of JSON, whatever the values are. What is too long is cut, and says so. */
export const jsonLine = (head: Readonly<Record<string, unknown>>, fields: Readonly<Record<string, unknown>>): string => {
  const text = JSON.stringify({ ...head, ...fields })
  const line =
    text.length <= longestLine ? text : JSON.stringify({ ...head, cut: text.slice(0, longestLine), length: text.length })
  return `${visible(line)}\n`
}
