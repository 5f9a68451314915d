/** Nothing in the repository may depend on, or tell of, the machine on which it was written. */
import type { SourceFile } from './source-files.ts'

export interface Machine {
  /** Folder of this checkout, and of the user. */
  readonly folders: readonly string[]
  /** Hosts of package archives and registries that this machine is configured for. */
  readonly hosts: readonly string[]
}

/** Names that archives and registries have everywhere. */
const registryHost = /\b(?:registry|mirrors?|deb|security|archive|packages|ftp)\.[a-z0-9-]+\.[a-z]{2,}\b/i
/** Only as the beginning of a path: the same names within a longer path are another thing. */
const beginsPath = (line: string, folder: string): boolean => {
  for (let at = line.indexOf(folder); at >= 0; at = line.indexOf(folder, at + 1)) {
    if (!/[\w.*~}/-]/.test(line[at - 1] ?? '') && !/[\w-]/.test(line[at + folder.length] ?? '')) return true
  }
  return false
}

const problemsOfLine = (line: string, { folders, hosts }: Machine): readonly string[] => [
  ...folders.filter((folder) => beginsPath(line, folder)).map((folder) => `names the folder ${folder}`),
  ...hosts.filter((host) => line.includes(host)).map((host) => `names the host ${host}`),
  ...(registryHost.test(line) ? ['names the host of a registry or archive'] : []),
]

export const wordProblems = (files: readonly SourceFile[], machine: Machine): readonly string[] =>
  files.flatMap(({ path, text }) => {
    const lines = text.split('\n').flatMap((line, index) => {
      const found = problemsOfLine(line, machine)[0]
      return found === undefined ? [] : [`${path}:${index + 1} ${found}`]
    })
    const resolved = path === 'package-lock.json' && /"resolved": "[a-z+]+:/.test(text)
    return resolved ? [...lines, `${path} says from which host packages came; npm omits it with the setting in .npmrc`] : lines
  })
