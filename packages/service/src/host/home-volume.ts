/**
 * Is what a folder holds encrypted on its disk? Seen from the mount it is on, the block devices below it, and the attribute of encrypted
 * folders. What cannot be told is said so: a disk of a virtual machine may be encrypted by its host.
 */
import { join } from 'node:path'
import type { HomeVolume } from '../model/without-effect.ts'

/** What is asked of the machine. Null: there is no such thing. */
export interface VolumeReader {
  read(path: string): Promise<string | null>
  /** Names in a folder, none where there is none. */
  list(path: string): Promise<readonly string[]>
  /** `8:1` */
  deviceOf(path: string): Promise<string | null>
  /** Of a device file: which device it is. */
  deviceNamed(path: string): Promise<string | null>
  /** The flags of `lsattr` for a folder. */
  attributes(path: string): Promise<string | null>
}

interface Mount {
  readonly device: string
  readonly type: string
  readonly source: string
  readonly options: string
}

/** Fields of /proc/self/mountinfo: id, parent, device, root, mount point, options, optional fields, `-`, type, source, more options. */
const mountsIn = (text: string): readonly Mount[] =>
  text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const device = before.split(' ')[2]
    const [type, source, options = ''] = after.split(' ')
    return device === undefined || type === undefined || source === undefined ? [] : [{ device, type, source, options }]
  })

const encryptingTypes = /^(ecryptfs|fuse\.(gocryptfs|encfs|cryfs|securefs))$/

type Found = HomeVolume

const plain = (found: string): Found => ({ encrypted: false, found })
const unknown = (found: string): Found => ({ encrypted: null, found })

/** The device and those that it is made of: encrypted if it is, or if all of them are. */
const blockDevice = async (reader: VolumeReader, folder: string, name: string, depth = 0): Promise<Found> => {
  const uuid = await reader.read(join(folder, 'dm/uuid'))
  if (uuid?.startsWith('CRYPT-')) return { encrypted: true, found: `dm-crypt on ${name}` }
  const below = await reader.list(join(folder, 'slaves'))
  if (below.length === 0 || depth > 8) {
    const backing = await reader.read(join(folder, 'loop/backing_file'))
    return backing === null ? plain(name) : volumeOf(reader, backing.trim(), depth + 1)
  }
  const all = await Promise.all(
    below.map((each) => blockDevice(reader, join(folder, 'slaves', each), `${each} below ${name}`, depth + 1)),
  )
  return all.find(({ encrypted }) => encrypted !== true) ?? all[0] ?? plain(name)
}

const onDevice = async (reader: VolumeReader, device: string, mount: Mount | undefined, depth: number): Promise<Found> => {
  const name = await reader.read(`/sys/dev/block/${device}/uevent`)
  const named = /^DEVNAME=(.+)$/m.exec(name ?? '')?.[1]
  if (named === undefined) return unknown(mount === undefined ? `device ${device}` : `${mount.type} on ${mount.source}`)
  const found = await blockDevice(reader, `/sys/dev/block/${device}`, `/dev/${named}`, depth)
  return mount === undefined ? found : { ...found, found: `${mount.type} on ${found.found}` }
}

const volumeOf = async (reader: VolumeReader, path: string, depth = 0): Promise<Found> => {
  const device = await reader.deviceOf(path)
  if (device === null || depth > 8) return unknown(`${path} is not there`)
  const mount = mountsIn((await reader.read('/proc/self/mountinfo')) ?? '').findLast((each) => each.device === device)
  if (mount !== undefined && encryptingTypes.test(mount.type)) return { encrypted: true, found: mount.type }
  // Some kinds of file systems have a number of no device; their source says which it is.
  if (!device.startsWith('0:')) return onDevice(reader, device, mount, depth)
  const source = mount?.source.startsWith('/dev/') === true ? await reader.deviceNamed(mount.source) : null
  if (source !== null) return onDevice(reader, source, mount, depth)
  if (mount?.type === 'tmpfs' || mount?.type === 'ramfs') return plain(`${mount.type}, in memory and in swap`)
  return unknown(mount === undefined ? `device ${device}` : `${mount.type} on ${mount.source}`)
}

export const findHomeVolume = async (reader: VolumeReader, path: string): Promise<HomeVolume> => {
  const flags = (await reader.attributes(path)) ?? ''
  if (flags.includes('E')) return { encrypted: true, found: 'fscrypt' }
  return volumeOf(reader, path)
}
