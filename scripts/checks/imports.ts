/**
 * Who may import whom, as ARCHITECTURE.md says. A list of what is allowed, so that a new folder is refused until somebody decides where it
 * stands; a lint rule could only list what is forbidden.
 */
import { dirname, normalize } from 'node:path/posix'
import type { SourceFile } from './source-files.ts'

const source = 'packages/service/src/'
const adapters = ['engines', 'host', 'store', 'home', 'security', 'observe']
const domain = ['model', 'ports', 'errors.ts']

/** Beside itself, each folder may import these. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  model: ['errors.ts'],
  ports: domain,
  decide: domain,
  ...Object.fromEntries(adapters.map((folder) => [folder, domain])),
  api: [...domain, 'decide', ...adapters],
  controllers: [...domain, 'decide', ...adapters],
}
/** Where processes are put together: these may import all. */
const roots = ['cli/', 'compose/', 'main.ts', 'host/endpointd/main.ts']

/** Folders without I/O, clock and random source: of Node's own modules they may use these. */
const pure: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  model: ['node:crypto'],
  decide: [],
}

const isForTests = (path: string): boolean =>
  /(^|\/)testing(\/|\.ts$)|(^|\/)test-context\.ts$|\.(?:test|contract)\.ts$/.test(path)
const partOf = (path: string): string => path.slice(source.length).split('/')[0] ?? ''

/** `import … from 'x'`, `export … from 'x'`, `import 'x'`, `import('x')`. */
const specifiers = (text: string): readonly string[] =>
  [
    ...text.matchAll(/^(?:import|export)\b[^'"=;]*\bfrom\s+['"]([^'"]+)['"]/gm),
    ...text.matchAll(/^import\s+['"]([^'"]+)['"]/gm),
    ...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g),
  ].map((match) => match[1] ?? '')

const problemOf = (path: string, specifier: string): string | null => {
  const from = partOf(path)
  if (!specifier.startsWith('.')) {
    const usable = pure[from]
    return usable === undefined || usable.includes(specifier)
      ? null
      : `${path} imports ${specifier}: ${from} is pure, and may import ${usable.join(', ') || 'nothing'} from outside`
  }
  const target = normalize(`${dirname(path)}/${specifier}`)
  if (!target.startsWith(source)) return `${path} imports ${target}, which is outside of the service`
  if (isForTests(target)) return `${path} imports ${target}, which is there for tests`
  const to = partOf(target)
  if (from === to || roots.some((root) => path.startsWith(source + root))) return null
  const names = allowed[from]
  if (names === undefined) return `${path} stands in ${from}, of which scripts/checks/imports.ts does not say what it may import`
  return names.includes(to)
    ? null
    : `${path} imports ${target}: ${from} may import ${names.join(', ') || 'nothing'} beside itself`
}

/** The library of applications is published alone. */
const library = 'packages/client/src/'
const words = ['errors.ts', 'check.ts', 'ids.ts']
/** Beside itself, each wing of it may import these. `index.ts` may import all. */
const wings: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  'check.ts': ['errors.ts'],
  'ids.ts': [],
  connection: words,
  adapters: [...words, 'connection'],
  aws: [...words, 'connection'],
  cache: [...words, 'connection', 'adapters'],
  sessions: [...words, 'connection'],
  leaderboards: [...words, 'connection'],
  opentelemetry: [...words, 'cache'],
}

const libraryProblemOf = (path: string, specifier: string): string | null => {
  const target = normalize(`${dirname(path)}/${specifier}`)
  if (!specifier.startsWith('.')) return null
  if (!target.startsWith(library) || isForTests(target))
    return `${path} imports ${target}: the library imports nothing of the service and nothing that is there for tests`
  const [from, to] = [path, target].map((each) => each.slice(library.length).split('/')[0] ?? '') as [string, string]
  if (from === to || from === 'index.ts') return null
  const names = wings[from]
  if (names === undefined) return `${path} stands in ${from}, of which scripts/checks/imports.ts does not say what it may import`
  return names.includes(to)
    ? null
    : `${path} imports ${target}: ${from} may import ${names.join(', ') || 'nothing'} beside itself`
}

/** One line for each import that is not allowed. Tests may import everything. */
export const importProblems = (files: readonly SourceFile[]): readonly string[] =>
  files
    .filter(({ path }) => path.endsWith('.ts') && !isForTests(path))
    .flatMap(({ path, text }) => {
      if (path.startsWith(source)) return specifiers(text).map((specifier) => problemOf(path, specifier))
      return path.startsWith(library) ? specifiers(text).map((specifier) => libraryProblemOf(path, specifier)) : []
    })
    .filter((problem) => problem !== null)
