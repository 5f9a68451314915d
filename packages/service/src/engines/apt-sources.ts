/** Which archive this machine is configured for: read from its apt configuration, in both of its styles. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface AptSource {
  readonly uri: string
  readonly suites: readonly string[]
  readonly components: readonly string[]
  readonly signedBy: string | null
  /** The machine's administrator takes this archive without a signature. */
  readonly trusted: boolean
}

/** `deb [signed-by=… arch=…] URI SUITE COMPONENT…` */
const parseOneLine = (text: string): readonly AptSource[] =>
  text.split('\n').flatMap((line): readonly AptSource[] => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec(line)
    const [, options = '', uri, suite, components = ''] = match ?? []
    if (uri === undefined || suite === undefined) return []
    const signedBy = /signed-by=(\S+)/.exec(options)?.[1] ?? null
    const trusted = /\btrusted=yes\b/.test(options)
    return [{ uri, suites: [suite], components: components.replace(/#.*/, '').split(/\s+/).filter(Boolean), signedBy, trusted }]
  })

const words = (text: string | undefined): readonly string[] => (text ?? '').split(/\s+/).filter(Boolean)

/** Stanzas of `Name: value` lines; a value goes on in lines that begin with a space. */
const parseDeb822 = (text: string): readonly AptSource[] =>
  text
    .split(/\n\s*\n/)
    .map((stanza) => {
      const fields = new Map<string, string>()
      let last = ''
      for (const line of stanza.split('\n')) {
        if (line.startsWith('#')) continue
        const match = /^([A-Za-z-]+):\s*(.*)$/.exec(line)
        if (match !== null) {
          last = (match[1] ?? '').toLowerCase()
          fields.set(last, match[2] ?? '')
        } else if (/^\s/.test(line)) fields.set(last, `${fields.get(last) ?? ''}\n${line}`)
      }
      return fields
    })
    .filter((fields) => words(fields.get('types')).includes('deb') && fields.get('enabled')?.toLowerCase() !== 'no')
    .flatMap((fields): readonly AptSource[] =>
      words(fields.get('uris')).map((uri) => ({
        uri,
        suites: words(fields.get('suites')),
        components: words(fields.get('components')),
        // A key that stands in the stanza itself is not a file; the archive's own keyring is used instead.
        signedBy: /^\//.test(fields.get('signed-by') ?? '') ? (fields.get('signed-by') ?? null) : null,
        trusted: fields.get('trusted')?.toLowerCase() === 'yes',
      })),
    )

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')

const readIfThere = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return ''
    throw error
  }
}

const listIfThere = (path: string): readonly string[] => {
  try {
    return readdirSync(path).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

export const readAptSources = (root = '/etc/apt'): readonly AptSource[] => {
  const parts = join(root, 'sources.list.d')
  return [
    ...parseOneLine(readIfThere(join(root, 'sources.list'))),
    ...listIfThere(parts).flatMap((name) => {
      if (name.endsWith('.list')) return parseOneLine(readIfThere(join(parts, name)))
      return name.endsWith('.sources') ? parseDeb822(readIfThere(join(parts, name))) : []
    }),
  ]
}

const debianKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const codenames = /^(bullseye|bookworm|trixie|forky|duke|sid|oldstable|stable|testing|unstable)$/

/**
 * Lines of a sources.list for these suites, from the archive that the machine uses for its own Debian packages. Empty when it uses
 * none. A security suite is taken only where the machine has a security archive.
 */
export const sourceLines = (sources: readonly AptSource[], suites: readonly string[]): readonly string[] => {
  const main = sources.find(
    (source) => source.components.includes('main') && source.suites.some((suite) => codenames.test(suite)),
  )
  const security = sources.find(
    (source) => source.components.includes('main') && source.suites.some((suite) => suite.endsWith('-security')),
  )
  return suites.flatMap((suite) => {
    const source = suite.endsWith('-security') ? security : main
    if (source === undefined) return []
    const option = source.trusted ? 'trusted=yes' : `signed-by=${source.signedBy ?? debianKeyring}`
    return [`deb [${option}] ${source.uri} ${suite} main`]
  })
}
