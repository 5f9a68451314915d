/** JSON as people write it. Of two members with one name `JSON.parse` keeps the last and says nothing: what a reader saw first is not there. */

/** A text, or a character that has a meaning outside of texts. The document is known to be JSON. */
const token = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g

/** The name that stands twice in one object, or null. `text` is JSON. */
const repeatedName = (text: string): string | null => {
  /** Of each object that is open its names; null: a list. */
  const open: (Set<string> | null)[] = []
  let last = ''
  for (const [found] of text.matchAll(token)) {
    if (found === '{') open.push(new Set())
    else if (found === '[') open.push(null)
    else if (found === '}' || found === ']') open.pop()
    else if (found === ':') {
      const name = JSON.parse(last) as string // its escapes too: "\u0041" is "A"
      const names = open.at(-1)
      if (names?.has(name)) return name
      names?.add(name)
    }
    last = found
  }
  return null
}

/** As `JSON.parse`, and throws `SyntaxError` also where an object has a name twice, however deep and however it is written. */
export const parseJson = (text: string): unknown => {
  const value: unknown = JSON.parse(text)
  const name = repeatedName(text)
  if (name !== null)
    throw new SyntaxError(`Expected each name of an object once, found ${JSON.stringify(name.slice(0, 60))} twice`)
  return value
}
