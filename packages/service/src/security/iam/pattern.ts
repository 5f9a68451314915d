/** Patterns of policies: `*` for any characters, `?` for one, `${key}` for what the request says of a key. */

/** What the request says, by names in lower case. A key that is absent has no entry. */
export type RequestContext = ReadonlyMap<string, readonly string[]>

const many = 0
const one = 1
const colon = 2
/** A character that stands for itself, or one of the three. What a variable stands for is never a wildcard and never parts an ARN. */
type Token = string | typeof many | typeof one | typeof colon

export type Pattern = readonly Token[]

const readVariable = (variable: string, context: RequestContext): string | null => {
  if (variable === '*' || variable === '?' || variable === '$') return variable
  const [, key = '', fallback] = /^\s*([^,]*?)\s*(?:,\s*'([^']*)'\s*)?$/.exec(variable) ?? []
  const values = context.get(key.toLowerCase()) ?? []
  return values.length === 1 ? (values[0] ?? null) : (fallback ?? null)
}

const tokenOf = (character: string): Token =>
  character === '*' ? many : character === '?' ? one : character === ':' ? colon : character

/** `context` is null where the version of the policy has no variables. Null: the request does not say what a variable stands for. */
export const readPattern = (text: string, context: RequestContext | null): Pattern | null => {
  if (context === null) return [...text].map(tokenOf)
  const tokens: Token[] = []
  // Odd parts are the names of variables.
  for (const [index, part] of text.split(/\$\{([^}]*)\}/).entries()) {
    const value = index % 2 === 0 ? null : readVariable(part, context)
    if (index % 2 === 1 && value === null) return null
    tokens.push(...(value === null ? [...part].map(tokenOf) : [...value]))
  }
  return tokens
}

const fits = (token: Token | undefined, character: string): boolean =>
  token === one || token === character || (token === colon && character === ':')

/** The time grows with the product of the two lengths at the worst: a regular expression of many stars has no such bound. */
const matchesCharacters = (pattern: Pattern, text: readonly string[]): boolean => {
  let at = 0
  let star = -1
  let retry = 0
  for (let i = 0; i < text.length; ) {
    if (pattern[at] === many) {
      star = at
      retry = i
      at += 1
    } else if (at < pattern.length && fits(pattern[at], text[i] ?? '')) {
      at += 1
      i += 1
    } else if (star >= 0) {
      retry += 1
      i = retry
      at = star + 1
    } else return false
  }
  return pattern.slice(at).every((token) => token === many)
}

export const matches = (pattern: Pattern, text: string): boolean => matchesCharacters(pattern, [...text])

/** The text as it stands: wildcards are characters like others. */
export const literalOf = (pattern: Pattern): string =>
  pattern.map((token) => (typeof token === 'string' ? token : (['*', '?', ':'][token] ?? ''))).join('')

const partsOfArn = 6

/** The first five colons part an ARN, others belong to the resource. */
const parted = (tokens: Pattern, isColon: (token: Token) => boolean): readonly Pattern[] => {
  const parts: Token[][] = [[]]
  for (const token of tokens) {
    if (isColon(token) && parts.length < partsOfArn) parts.push([])
    else parts.at(-1)?.push(token)
  }
  return parts
}

/**
 * Part by part, so that a star for the region does not reach into the name. Parts that the pattern does not have are any. Calls
 * without a resource have the ARN `*`, which nothing but stars matches.
 */
export const matchesArn = (pattern: Pattern, arn: string): boolean => {
  if (pattern.length > 0 && pattern.every((token) => token === many)) return true
  if (!arn.startsWith('arn:')) return false
  const wanted = parted(pattern, (token) => token === colon)
  const found = parted([...arn], (token) => token === ':')
  return found.every((part, index) => matchesCharacters(wanted[index] ?? [many], part as readonly string[]))
}
