import { existsSync, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { styleText } from 'node:util'
import { systemClock } from '../compose/clock.ts'
import { nftablesOf, takesUnenforced } from '../compose/kernel.ts'
import { type StateTrouble, whyNotNewest } from '../controllers/recovery/opening.ts'
import { openCatalog } from '../engines/catalog.ts'
import { findTool } from '../engines/tools.ts'
import { type Home, homePath, isHome, openHome } from '../home/home.ts'
import { whyUnenforceable } from '../host/firewall.ts'
import { createLinuxHost } from '../host/linux.ts'
import { checkMachine } from '../host/machine.ts'
import { type MachineCheck, securityGroupsCheck } from '../host/machine-checks.ts'
import { versionWithNotice } from '../model/retired-engines.ts'
import type { InstalledEngine } from '../ports/catalog.ts'
import { listCopies } from '../store/copies.ts'
import { authorityNotice } from './authority-notice.ts'
import { nodesOfHome, oldNodes, retiredNodes, updatesNow, updateText } from './engine-builds.ts'
import { print, useColour } from './terminal.ts'

/** Security fixes that are there and do not run. */
const updatesCheck = async (installed: readonly InstalledEngine[]): Promise<MachineCheck> => {
  const nodes = await nodesOfHome()
  const { updates, failures } = await updatesNow()
  const old = oldNodes(nodes, installed).map(({ node, engine, version }) => `${node} runs an older build of ${engine} ${version}`)
  const found = [...retiredNodes(nodes), ...updates.map(updateText), ...old]
  const unknown = failures.map((failure) => `the archive could not be asked: ${failure}`)
  const ok = found.length === 0
  return {
    name: 'engine updates',
    ok,
    found: [...found, ...unknown].join('; ') || 'what is installed is what the archive has, and nodes run it',
    follows: ok ? 'Nodes run what was installed last.' : 'Nodes may run without security fixes that are there.',
    mend: ok ? null : 'npx larder engines install, start the service again, and reboot the nodes one after the other',
  }
}

const enginesCheck = (found: readonly InstalledEngine[]): MachineCheck => {
  const ok = found.some((entry) => entry.engine === 'valkey') && found.some((entry) => entry.engine === 'memcached')
  return {
    name: 'engines',
    ok,
    found: found.map(({ engine, version }) => `${engine} ${versionWithNotice(engine, version)}`).join(', ') || 'none',
    follows: ok ? 'Groups of these versions can be made.' : 'Groups of an engine that is missing cannot be made.',
    mend: ok ? null : 'npx larder engines install valkey@9.1 (and memcached@1.6)',
  }
}

/** Only groups with TLS depend on it. */
const authorityCheck = (home: Home): MachineCheck => {
  const notice = authorityNotice(home)
  return {
    name: 'authority',
    ok: notice === null,
    found: notice?.found ?? 'what signs the certificates of nodes is good, or made when it is needed',
    follows: notice === null ? 'Groups can have TLS.' : 'Nodes with TLS get no certificates that anybody takes after its end.',
    mend: notice?.mend ?? null,
  }
}

/** A key beside the state protects against whoever gets the state alone; one from the environment also against whoever gets the folder. */
const sealCheck = (sealKeyFile: string): MachineCheck => {
  const given = process.env['LARDER_SEAL_KEY'] !== undefined
  return {
    name: 'seal key',
    ok: true,
    found: given ? 'LARDER_SEAL_KEY' : sealKeyFile,
    follows: 'Secrets in the state are sealed with it; without it access keys of IAM users cannot be used any more.',
    mend: null,
  }
}

/** A recovery would move a state out of the way that only cannot be read now. */
const mendOf = ({ isLost }: StateTrouble): string =>
  isLost
    ? 'npx larder recover'
    : 'see to what the message says (rights, the disk, open files), and look again; the state may be whole and needs no recovery'

const stateCheck = async (home: Home): Promise<MachineCheck> => {
  const trouble = await whyNotNewest(home, createLinuxHost(), systemClock, process.env)
  const copies = listCopies(home.copiesFolder)
  const newest = copies.find(({ kind }) => kind === 'day')?.label
  return {
    name: 'state',
    ok: trouble === null,
    found:
      trouble?.why ??
      `${copies.length} copies${newest === undefined ? '' : `, the newest of ${newest}`}, and a journal of every change`,
    follows:
      trouble === null ? 'A state that is lost can be made anew.' : 'larder up does not start with it; engines that run go on.',
    mend: trouble === null ? null : mendOf(trouble),
  }
}

/** Moved there instead of deleted, because no record knew it. */
const asideCheck = (home: Home): MachineCheck => {
  const names = existsSync(home.asideFolder) ? readdirSync(home.asideFolder) : []
  const ok = names.length === 0
  return {
    name: 'moved aside',
    ok,
    found: ok ? 'nothing' : names.join(', '),
    follows: ok
      ? 'Everything that was found belongs to a group.'
      : 'No record knew these; they may be the only copy of something.',
    mend: ok ? null : `look into ${home.asideFolder}, and remove what nobody needs`,
  }
}

const checkText = (check: MachineCheck, width: number, colour: boolean): string => {
  const paint = (style: 'green' | 'yellow' | 'dim', text: string): string =>
    colour ? styleText(style, text, { validateStream: false }) : text
  const mark = check.ok ? paint('green', 'ok  ') : paint('yellow', 'look')
  const lines = [
    `${mark}  ${check.name.padEnd(width)} ${check.found}`,
    `      ${''.padEnd(width)} ${paint('dim', check.follows)}`,
  ]
  if (check.mend !== null) lines.push(`      ${''.padEnd(width)} mend: ${check.mend}`)
  return lines.join('\n')
}

/** Where a home that is not there yet would be made. */
const nearestFolder = (path: string): string => (existsSync(path) ? path : nearestFolder(dirname(path)))

/** `larder doctor`: exit code 0 also where something could be better; Larder works with less. */
export const doctor = async ({ json }: { readonly json: boolean }): Promise<number> => {
  const path = homePath(process.env)
  // Before the first start there is none, and looking makes none.
  const home = isHome(path) ? openHome(path) : null
  const machine = await checkMachine(nearestFolder(path), findTool('nft', process.env))
  const groups = securityGroupsCheck(await whyUnenforceable(nftablesOf(process.env)), takesUnenforced(process.env))
  const engines = openCatalog(process.env).list()
  const checks = [
    enginesCheck(engines),
    await updatesCheck(engines),
    ...(home === null ? [] : [await stateCheck(home), asideCheck(home), sealCheck(home.sealKeyFile), authorityCheck(home)]),
    ...machine,
    groups,
  ]
  if (json) print(`${JSON.stringify(checks, null, 2)}\n`)
  else {
    const width = Math.max(...checks.map(({ name }) => name.length)) + 1
    print(`${checks.map((check) => checkText(check, width, useColour(process.stdout))).join('\n')}\n`)
  }
  return 0
}
