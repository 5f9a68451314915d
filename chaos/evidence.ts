/** The folder of a run: it is removed when all was well, and kept with what tells why when it was not. */
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Evidence {
  readonly folder: string
  readonly historyFile: string
  /** Copies what Larder and its engines have said so far. */
  save(name: string, home: string, text: string): void
  remove(): void
}

const copy = (from: string, to: string): void => {
  if (existsSync(from)) cpSync(from, to, { recursive: true })
}

export const openEvidence = (): Evidence => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-chaos-'))
  return {
    folder,
    historyFile: join(folder, 'history.jsonl'),
    save(name, home, text) {
      const to = join(folder, name)
      copy(join(home, 'logs'), to)
      copy(join(home, 'state.db'), join(to, 'state.db'))
      copy(join(home, 'state.db-wal'), join(to, 'state.db-wal'))
      const nodes = join(home, 'nodes')
      for (const region of existsSync(nodes) ? readdirSync(nodes) : [])
        for (const node of readdirSync(join(nodes, region)))
          copy(join(nodes, region, node, 'engine.log'), join(to, `${node}.log`))
      writeFileSync(join(to, 'what.txt'), text)
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
