import type { EngineName } from '../model/group.ts'

/** One engine version that can be started on this machine. */
export interface InstalledEngine {
  readonly engine: EngineName
  /** Full version as the binary says it: `9.1.2`. */
  readonly version: string
  readonly source: 'installed' | 'path' | 'folder'
  /** Folder (source `installed` and `folder`) or file (source `path`) where it was found. */
  readonly path: string
  /** How the server is started: program and first arguments (a loader with its library path, or the binary itself). */
  readonly command: readonly string[]
  /** Memcached: folder of the SASL library's plugins. Left out: it has none, and nobody can log in by SASL. */
  readonly saslPlugins?: string
  /** Valkey and Redis OSS: the module that gives control a way in of its own (`native/larder-control.c`). Left out: it comes as a client. */
  readonly controlModule?: string
  /** Modules of the user's (`LARDER_MODULES`) that it has loaded once, and loads at every start. */
  readonly modules?: readonly string[]
}

export interface AvailableEngine {
  readonly engine: EngineName
  /** `9.1` */
  readonly version: string
  readonly installed: boolean
}

export interface Catalog {
  /** What can be started now, newest version first within an engine. */
  list(): readonly InstalledEngine[]
  /** What the catalog knows how to install. */
  known(): readonly AvailableEngine[]
  /** The engine for a wanted version (`9.1`, `9.1.2`, `7`), newest that matches; null when there is none. */
  find(engine: EngineName, version: string): InstalledEngine | null
}
