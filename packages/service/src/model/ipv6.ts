/** Networks of IPv6, as rules of security groups and VPCs name them. */

const wordsIn = (text: string): readonly number[] | null => {
  if (text === '') return []
  const words = text.split(':').map((word) => (/^[0-9a-f]{1,4}$/i.test(word) ? Number.parseInt(word, 16) : Number.NaN))
  return words.some(Number.isNaN) ? null : words
}

/** An IPv4 address at the end counts for two words: `::ffff:10.0.0.1`. */
const withoutIpv4 = (text: string): string =>
  text.replace(/(?<=:)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/, (whole, ...parts: readonly string[]) => {
    const [a = 256, b = 256, c = 256, d = 256] = parts.slice(0, 4).map(Number)
    return Math.max(a, b, c, d) > 255 ? whole : `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  })

/** Eight words; null for what is no address. */
const addressWords = (text: string): readonly number[] | null => {
  const [head = '', tail, ...more] = withoutIpv4(text).split('::')
  const [first, last] = [wordsIn(head), wordsIn(tail ?? '')]
  if (first === null || last === null || more.length > 0) return null
  const missing = 8 - first.length - last.length
  if (tail === undefined ? missing !== 0 : missing < 1) return null
  return [...first, ...Array.from({ length: missing }, () => 0), ...last]
}

/** The first of the longest rows of zeros, of two at least, is `::`. */
const textOf = (words: readonly number[]): string => {
  const rows = words.map((_word, start) => {
    const end = words.findIndex((word, index) => index >= start && word !== 0)
    return { start, length: (end < 0 ? words.length : end) - start }
  })
  const row = rows.reduce((best, next) => (next.length > best.length ? next : best))
  const hex = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(':')
  if (row.length < 2) return hex(words)
  return `${hex(words.slice(0, row.start))}::${hex(words.slice(row.start + row.length))}`
}

/** `2001:DB8::1/32` is `2001:db8::/32`, as EC2 keeps it; null for what is no IPv6 network. */
export const network6Of = (text: string): string | null => {
  const [address = '', length = '', ...more] = text.split('/')
  const words = addressWords(address)
  if (words === null || more.length > 0 || !/^(?:\d{1,2}|1[01]\d|12[0-8])$/.test(length)) return null
  const bits = Number(length)
  const kept = words.map((word, index) => {
    const ours = Math.min(16, Math.max(0, bits - index * 16))
    return word & (0xffff << (16 - ours)) & 0xffff
  })
  return `${textOf(kept)}/${bits}`
}
