import { randomInt } from 'node:crypto'

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const pick = (letters: string, count: number): string =>
  Array.from({ length: count }, () => letters[randomInt(letters.length)]).join('')

export const newUserId = (): string => `AIDA${pick(base32, 17)}`
export const newAccessKeyId = (): string => `AKIA${pick(base32, 16)}`
export const newSecretAccessKey = (): string => pick(base64, 40)
