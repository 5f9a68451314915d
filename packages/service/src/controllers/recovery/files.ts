/** The small files of a home: which of them fit to its state, and what is done about those that do not. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { LarderError } from '../../errors.ts'
import { writePrivateFile } from '../../home/files.ts'
import type { Home } from '../../home/home.ts'
import { type KeptName, keptFiles, textOf } from '../../home/kept.ts'
import { openSealKey } from '../../home/seal-key.ts'
import { openSecrets } from '../../home/secrets.ts'
import { parsePlan } from '../../host/endpointd/plan.ts'
import type { GroupSpec } from '../../model/group.ts'
import { createSealer } from '../../security/seal.ts'
import { openAuthority } from '../../security/tls/authority.ts'

/** An entry that the seal key of today has sealed: says that a new key was taken knowingly. */
const sealMark = 'seal/recovered'

export interface FilesPlan {
  readonly taken: readonly string[]
  readonly missing: readonly string[]
  /** Why nothing can be written; null: it can. */
  readonly blocked: string | null
  /** Copies that go back to their place. */
  readonly restore: readonly KeptName[]
  /** Files that are made anew because they are nowhere. */
  readonly make: readonly ('secrets' | 'seal' | 'authority' | 'endpoints')[]
}

interface Inputs {
  readonly home: Home
  readonly entries: ReadonlyMap<string, string>
  readonly environment: NodeJS.ProcessEnv
  readonly running: number
  readonly now: () => number
}

const secretFields = ['homeId', 'accessKeyId', 'secretAccessKey', 'control', 'replication']

const secretsOf = (text: string | null): Readonly<Record<string, unknown>> | null => {
  try {
    const value = JSON.parse(text ?? '') as Readonly<Record<string, unknown>> | null
    return value !== null && secretFields.every((field) => typeof value[field] === 'string') ? value : null
  } catch {
    return null // no JSON: as good as missing
  }
}

const sameEngines = (left: Readonly<Record<string, unknown>>, right: Readonly<Record<string, unknown>>): boolean =>
  ['homeId', 'control', 'replication'].every((field) => left[field] === right[field])

const sealedBy = /sealed1:([0-9a-f]{8}):/g
export const fingerprintOf = (key: string): string => createSealer(Buffer.from(key, 'hex')).seal('', '').split(':')[1] ?? ''
export const isKey = (text: string | null): text is string => text !== null && /^[0-9a-f]{64}$/i.test(text.trim())

/** The keys by which secrets in these values are sealed. */
export const sealersIn = (values: Iterable<string>): ReadonlySet<string> => {
  const found = new Set<string>()
  for (const value of values) for (const [, name] of value.matchAll(sealedBy)) if (name !== undefined) found.add(name)
  return found
}

type Part = Pick<FilesPlan, 'taken' | 'missing' | 'restore' | 'make'> & { readonly blocked?: string }
const nothing: Part = { taken: [], missing: [], restore: [], make: [] }

const planSecrets = ({ home, running }: Inputs): Part => {
  const { path, copy } = keptFiles(home)['secrets.json']
  const [now, kept] = [secretsOf(textOf(path)), secretsOf(textOf(copy))]
  if (now !== null && (kept === null || sameEngines(now, kept))) return nothing
  if (kept !== null)
    return { ...nothing, taken: [`the keys by which the engines were started, from ${copy}`], restore: ['secrets.json'] }
  const missing = ["the keys of this home: new ones are made, and AWS's own tools need them (larder env)"]
  if (running === 0) return { ...nothing, missing, make: ['secrets'] }
  return {
    ...nothing,
    missing,
    blocked: `the password by which ${running} running engines are controlled is nowhere. Put secrets.json back from a backup. Else read out by a client what is to be kept, since an engine without appendonly loses its data when it ends; then end them, and run this again`,
  }
}

const planSeal = ({ home, entries, environment }: Inputs): Part => {
  if (environment['LARDER_SEAL_KEY'] !== undefined) return nothing
  const { path, copy } = keptFiles(home)['seal.key']
  const sealed = sealersIn(entries.values())
  const fits = (text: string | null): boolean => isKey(text) && (sealed.size === 0 || sealed.has(fingerprintOf(text.trim())))
  if (fits(textOf(path))) return nothing
  if (fits(textOf(copy))) return { ...nothing, taken: [`the key that seals secrets, from ${copy}`], restore: ['seal.key'] }
  if (sealed.size === 0)
    return textOf(path) === null
      ? nothing
      : { ...nothing, make: ['seal'], missing: ['the key that seals secrets: a new one is made, nothing was sealed'] }
  return {
    ...nothing,
    make: ['seal'],
    missing: [
      'the key that seals secrets in the state: a new one is made; access keys of IAM users and tokens of Memcached groups have to be made anew',
    ],
  }
}

/** There is none, or it can be read. Throws `store-newer`. */
export const isEndpointPlan = (text: string | null): boolean => {
  try {
    if (text !== null) parsePlan(text)
    return true
  } catch (error) {
    if (error instanceof LarderError && error.code === 'store-corrupt') return false
    throw error
  }
}

/** A certificate and a key that belong together. */
export const isAuthority = (certificate: string | null, key: string | null): boolean => {
  try {
    return new X509Certificate(certificate ?? '').checkPrivateKey(createPrivateKey(key ?? ''))
  } catch {
    return false // one of them is no such thing
  }
}

/** Does the authority that works consist of two files that belong together? */
export const authorityFits = (home: Home): boolean => {
  const files = keptFiles(home)
  return isAuthority(textOf(files['ca.crt'].path), textOf(files['ca.key'].path))
}

const planAuthority = ({ home, entries }: Inputs): Part => {
  const files = keptFiles(home)
  const names = ['ca.crt', 'ca.key'] as const
  const fits = (place: 'path' | 'copy'): boolean => isAuthority(textOf(files['ca.crt'][place]), textOf(files['ca.key'][place]))
  const specs = [...entries].filter(([key]) => key.startsWith('spec/')).map(([, value]) => JSON.parse(value) as GroupSpec)
  const speaksTls = specs.some((spec) => spec.transitEncryption !== undefined)
  if (fits('path')) return nothing
  if (fits('copy'))
    return { ...nothing, taken: [`the authority that signs certificates, from ${home.keptFolder}`], restore: [...names] }
  if (!speaksTls && names.every((name) => textOf(files[name].path) === null)) return nothing
  return {
    ...nothing,
    make: ['authority'],
    missing: ['the authority that signs certificates: a new one is made, and clients have to trust it (larder ca)'],
  }
}

const planEndpoints = ({ home }: Inputs): Part =>
  isEndpointPlan(textOf(home.endpointsPlan))
    ? nothing
    : {
        ...nothing,
        make: ['endpoints'],
        taken: ['the list of endpoints that are served, from the groups: the next start makes it'],
      }

export const planFiles = (inputs: Inputs): FilesPlan => {
  const parts = [planSecrets(inputs), planSeal(inputs), planAuthority(inputs), planEndpoints(inputs)]
  return {
    taken: parts.flatMap(({ taken }) => taken),
    missing: parts.flatMap(({ missing }) => missing),
    restore: parts.flatMap(({ restore }) => restore),
    make: parts.flatMap(({ make }) => make),
    blocked: parts.find(({ blocked }) => blocked !== undefined)?.blocked ?? null,
  }
}

/** What is in the way is moved aside, never written over. Returns entries that the state needs beside its own. */
export const applyFiles = async ({ home, environment, now }: Inputs, plan: FilesPlan): Promise<ReadonlyMap<string, string>> => {
  const files = keptFiles(home)
  const clear = async (path: string): Promise<void> => {
    if (textOf(path) !== null) await home.setAside(path, now())
  }
  for (const name of plan.restore) {
    const text = textOf(files[name].copy) ?? ''
    await clear(files[name].path)
    // The folder of the authority may be gone with it.
    if (name === 'ca.crt' || name === 'ca.key') mkdirSync(home.tlsFolder, { recursive: true, mode: 0o700 })
    writePrivateFile(files[name].path, text)
  }
  const entries = new Map<string, string>()
  if (plan.make.includes('secrets')) {
    await clear(files['secrets.json'].path)
    openSecrets(home)
  }
  if (plan.make.includes('seal')) {
    await clear(files['seal.key'].path)
    const sealer = createSealer(openSealKey(home, environment))
    entries.set(sealMark, JSON.stringify({ sealed: sealer.seal('recovered', sealMark), at: now() }))
  }
  if (plan.make.includes('authority')) {
    for (const name of ['ca.crt', 'ca.key'] as const) await clear(files[name].path)
    openAuthority(home.tlsFolder, now).prepare()
  }
  if (plan.make.includes('endpoints')) await clear(home.endpointsPlan)
  return entries
}
