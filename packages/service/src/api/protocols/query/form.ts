import { Fault } from '../../../errors.ts'

const mostParameters = 4_000
const longestName = 300

const malformed = (message: string, cause?: unknown): Fault => new Fault('MalformedQueryString', message, { cause })

/** What a value holds is in no message: it may be a password. */
const decodePart = (text: string, what: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (error) {
    throw malformed(`Expected percent-encoded UTF-8 in ${what}.`, error)
  }
}

/**
 * `application/x-www-form-urlencoded`, as the body of a request or the query of its URL. Shape: parameter name to value; each name once.
 * Throws `MalformedQueryString` ("the query string contains a syntax error", as the common errors of AWS have it).
 */
export const parseForm = (text: string): ReadonlyMap<string, string> => {
  const parameters = new Map<string, string>()
  if (text.trim() === '') return parameters
  for (const part of text.split('&')) {
    if (part === '') continue
    if (parameters.size >= mostParameters) throw malformed(`Expected at most ${mostParameters} parameters.`)
    const at = part.indexOf('=')
    const name = decodePart(at < 0 ? part : part.slice(0, at), 'the names of the parameters')
    const value = at < 0 ? '' : decodePart(part.slice(at + 1), `the value of ${name.slice(0, 60)}`)
    if (name === '' || name.length > longestName || /\p{Cc}/u.test(name))
      throw malformed(`Expected parameter names of 1 to ${longestName} characters, found one of ${name.length}.`)
    if (parameters.has(name)) throw malformed(`The parameter ${name.slice(0, 100)} is given more than once.`)
    parameters.set(name, value)
  }
  return parameters
}

/** The bytes of a body as such a form. Throws `MalformedQueryString`. */
export const parseFormBody = (body: Uint8Array): ReadonlyMap<string, string> => {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch (error) {
    throw malformed('Expected a body of UTF-8 text.', error)
  }
  return parseForm(text)
}

/**
 * One thing is said in one way: items are numbered 1, 2, … (never `01`, which is another name and the same number), and a parameter has a
 * value or parts, not both. Where a schema reads the form (ElastiCache) it sees to that itself. Throws `MalformedQueryString`.
 */
export const refuseAmbiguous = (parameters: ReadonlyMap<string, string>): void => {
  for (const name of parameters.keys()) {
    const parts = name.split('.')
    const number = parts.find((part) => /^\p{Nd}+$/u.test(part) && !/^[1-9][0-9]{0,4}$/.test(part))
    if (number !== undefined)
      throw malformed(`Expected items to be numbered 1, 2, ..., found ${number.slice(0, 20)} in ${name.slice(0, 100)}.`)
    const above = parts.map((_, index) => parts.slice(0, index).join('.')).find((each) => each !== '' && parameters.has(each))
    if (above !== undefined)
      throw malformed(`Expected a value or parts of ${above.slice(0, 100)}, found both: ${name.slice(0, 100)} too.`)
  }
}
