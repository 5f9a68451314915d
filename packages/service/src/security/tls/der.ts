/** The few forms of DER that a certificate is made of (ITU-T X.690). */

const lengthOf = (bytes: number): Buffer => {
  if (bytes < 128) return Buffer.from([bytes])
  const digits: number[] = []
  for (let rest = bytes; rest > 0; rest >>>= 8) digits.unshift(rest & 0xff)
  return Buffer.from([0x80 | digits.length, ...digits])
}

const tagged = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

export const nothing: Buffer = Buffer.from([0x05, 0])
export const sequence = (...parts: readonly Buffer[]): Buffer => tagged(0x30, ...parts)
export const set = (...parts: readonly Buffer[]): Buffer => tagged(0x31, ...parts)
export const boolean = (value: boolean): Buffer => tagged(0x01, Buffer.from([value ? 0xff : 0]))
export const octets = (content: Buffer): Buffer => tagged(0x04, content)
export const bits = (content: Buffer, unused = 0): Buffer => tagged(0x03, Buffer.from([unused]), content)
export const text = (value: string): Buffer => tagged(0x0c, Buffer.from(value, 'utf8'))
/** `[number]` around other values. */
export const explicit = (number: number, ...parts: readonly Buffer[]): Buffer => tagged(0xa0 | number, ...parts)
/** `[number]` in place of the tag of a simple value. */
export const implicit = (number: number, content: Buffer): Buffer => tagged(0x80 | number, content)

const digitsOfLength = (element: Buffer): number => ((element[1] ?? 0) < 128 ? 0 : (element[1] ?? 0) & 0x7f)
/** Where the content begins; 0 for what is none. */
const contentAt = (element: Buffer): number =>
  element.length < 2 || digitsOfLength(element) > 4 ? 0 : 2 + digitsOfLength(element)
const lengthAt = (element: Buffer): number => {
  const digits = digitsOfLength(element)
  return digits === 0 ? (element[1] ?? 0) : element.length < 2 + digits ? element.length : element.readUIntBE(2, digits)
}

/** A number that is not negative, as its bytes. */
export const integer = (bytes: Buffer): Buffer => {
  let first = 0
  while (first < bytes.length - 1 && bytes[first] === 0) first += 1
  const trimmed = bytes.subarray(first)
  return tagged(0x02, (trimmed[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed)
}

/** `1.2.840.10045.4.3.2` */
export const objectId = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const part of rest) {
    const digits = [part & 0x7f]
    for (let left = part >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80)
    bytes.push(...digits)
  }
  return tagged(0x06, Buffer.from(bytes))
}

/** UTCTime until 2049, GeneralizedTime after that, as certificates want it. */
export const time = (ms: number): Buffer => {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return Number(digits.slice(0, 4)) < 2050
    ? tagged(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : tagged(0x18, Buffer.from(`${digits}Z`))
}

/** The elements within an element, each with its tag and length. Empty for what is no DER. */
export const elements = (element: Buffer): readonly Buffer[] => {
  const parts: Buffer[] = []
  const inside = contentAt(element)
  for (let at = inside; inside > 0 && at + 1 < element.length; ) {
    const rest = element.subarray(at)
    const from = contentAt(rest)
    const length = lengthAt(rest)
    if (from === 0 || from + length > rest.length) return []
    parts.push(rest.subarray(0, from + length))
    at += from + length
  }
  return parts
}

export const pem = (label: string, der: Buffer): string => {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
