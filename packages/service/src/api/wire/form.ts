import { Fault } from '../../errors.ts'

const mostParameters = 4_000
const longestName = 300

const malformed = (message: string): Fault => new Fault('MalformedQueryString', message)

const decodePart = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw malformed(`The query string holds a part that is not percent-encoded UTF-8: ${text.slice(0, 60)}`)
  }
}

/**
 * `application/x-www-form-urlencoded`, strictly. Shape: parameter name to value; each name once.
 * Throws `MalformedQueryString`.
 */
export const parseForm = (body: string): ReadonlyMap<string, string> => {
  const parameters = new Map<string, string>()
  if (body.trim() === '') return parameters
  for (const part of body.split('&')) {
    if (part === '') continue
    const at = part.indexOf('=')
    const name = decodePart(at < 0 ? part : part.slice(0, at))
    const value = at < 0 ? '' : decodePart(part.slice(at + 1))
    if (name === '' || name.length > longestName || /\p{Cc}/u.test(name))
      throw malformed(`Expected a parameter name of 1 to ${longestName} characters, found one of ${name.length}.`)
    if (parameters.has(name)) throw malformed(`The parameter ${name.slice(0, 100)} is given more than once.`)
    if (parameters.size >= mostParameters) throw malformed(`Expected at most ${mostParameters} parameters.`)
    parameters.set(name, value)
  }
  return parameters
}
