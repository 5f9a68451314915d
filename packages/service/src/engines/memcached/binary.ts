/** A connection to one Memcached in its binary protocol: every message is a header of 24 bytes and a body whose length the header tells. */
import { LarderError } from '../../errors.ts'
import type { Exchange, Reader } from '../exchange.ts'

/** `many`: messages of one name and value each, of which the last has neither. */
export type MessageForm = 'one' | 'many'

export interface Message {
  /** 0: all is well. */
  readonly status: number
  readonly key: string
  readonly value: string
}

const headerBytes = 24
const request = 0x80
const reply = 0x81

export const opcodes = { get: 0x00, set: 0x01, version: 0x0b, stat: 0x10, saslAuth: 0x21 } as const

interface Request {
  readonly opcode: number
  readonly key?: string
  readonly extras?: Buffer
  readonly value?: string
}

const encode = ({ opcode, key = '', extras = Buffer.alloc(0), value = '' }: Request): Buffer => {
  const [name, content] = [Buffer.from(key), Buffer.from(value)]
  const header = Buffer.alloc(headerBytes)
  header.writeUInt8(request, 0)
  header.writeUInt8(opcode, 1)
  header.writeUInt16BE(name.length, 2)
  header.writeUInt8(extras.length, 4)
  header.writeUInt32BE(extras.length + name.length + content.length, 8)
  return Buffer.concat([header, extras, name, content])
}

/** Throws where the bytes are no answer in this protocol. */
export const createMessageReader = (): Reader<MessageForm, readonly Message[]> => {
  let pending: Buffer = Buffer.alloc(0)
  let gathered: Message[] = []
  const message = (): Message | undefined => {
    if (pending.length === 0) return undefined
    if (pending[0] !== reply) throw new LarderError('engine-command', 'expected an answer in the binary protocol of Memcached')
    if (pending.length < headerBytes) return undefined
    const end = headerBytes + pending.readUInt32BE(8)
    if (pending.length < end) return undefined
    const keyAt = headerBytes + pending.readUInt8(4)
    const valueAt = keyAt + pending.readUInt16BE(2)
    const found = {
      status: pending.readUInt16BE(6),
      key: pending.toString('latin1', keyAt, valueAt),
      value: pending.toString('latin1', valueAt, end),
    }
    pending = pending.subarray(end)
    return found
  }
  return {
    push: (chunk) => {
      pending = Buffer.concat([pending, chunk])
    },
    next: (form) => {
      for (let found = message(); found !== undefined; found = message()) {
        gathered.push(found)
        if (form === 'many' && found.status === 0 && found.key !== '') continue
        const whole = gathered
        gathered = []
        return whole
      }
      return undefined
    },
  }
}

/** `name` is what the command is called in messages. Rejects with `engine-command` where the engine refuses. */
export const askBinary = async (
  exchange: Exchange<MessageForm, readonly Message[]>,
  name: string,
  what: Request,
  deadlineMs: number,
): Promise<readonly Message[]> => {
  const form = what.opcode === opcodes.stat ? 'many' : 'one'
  const messages = await exchange.send(name, encode(what), form, deadlineMs)
  const refused = messages.find(({ status }) => status !== 0)
  if (refused !== undefined) throw new LarderError('engine-command', `${name} was refused: ${refused.value}`)
  return messages
}
