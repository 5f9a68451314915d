/**
 * Names within a cache: of keys and tags, of the root and of its namespaces. What is of a namespace begins with its path, `orders::eu::KEY`. In KEY itself no two colons follow one another: `::` stands
 * as `:\:`, and `:\:` as `:\\:`. So a name says where it belongs, and nothing of the root has the name of something in a namespace.
 */
export const between = '::'
const [colon, backslash] = [0x3a, 0x5c]

/** It stands for itself at the root. */
export const isPlain = (text: string): boolean => {
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    const next = text.charCodeAt(at + 1)
    if (next === colon || next === backslash) return false
  }
  return true
}

export const nameOf = (path: string, text: string): string =>
  path + (isPlain(text) ? text : text.replace(/:(\\*)(?=:)/g, ':\\$1'))

/** What it was made of. */
export const textOf = (path: string, name: string): string => {
  const text = name.slice(path.length)
  return text.includes(':\\') ? text.replace(/:\\(\\*)(?=:)/g, ':$1') : text
}
