import type { AddTagsToResourceMessage, TagListMessage } from '@aws-sdk/client-elasticache'
import { checkTags } from '../../../../model/tags.ts'
import type { Action } from '../../../action.ts'
import { requiredList } from '../../../required.ts'
import { changeTags } from './change.ts'

export const addTagsToResource: Action<AddTagsToResourceMessage, TagListMessage> = async (input, context) => {
  const added = requiredList('Tags', input.Tags)
  return changeTags(context, input.ResourceName, (tags) => checkTags(tags, added))
}
