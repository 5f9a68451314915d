/**
 * For bundles. Where an ES module has CommonJS in it, as `@redis/client` is, esbuild asks a global `require` for the modules of Node (`require('node:crypto')`), and ES
 * modules have none: `Dynamic require of "node:crypto" is not supported`. So there is one while a client library is loaded, which knows the modules of Node alone, and
 * which is taken away in the same turn: nothing of the application runs in between. Without a bundle nobody asks for it.
 */
const place: { require?: unknown } = globalThis

const lent = (name: string): unknown => {
  const found: unknown = process.getBuiltinModule(name)
  if (found === undefined) throw new Error(`expected a module of Node, found ${JSON.stringify(name)}`)
  return found
}

/** Before a client library is loaded. One that is there already is left as it is. */
export const lendRequire = (): void => {
  if (place.require === undefined) Object.defineProperty(place, 'require', { value: lent, configurable: true, writable: true })
}

/** After that. */
export const takeRequireBack = (): void => {
  if (place.require === lent) delete place.require
}
