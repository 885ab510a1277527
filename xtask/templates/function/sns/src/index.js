// What is done with the messages of the topic.

/** Where it fails, Lambda tries twice more. */
export const handler = async ({ Records }) => {
  for (const record of Records) {
    await workOff(record.Sns);
  }
};

/** The same message may come twice: what is done here must bear that. */
const workOff = async (message) => {
  const { id } = JSON.parse(message.Message);
  console.log("worked off", { order: id });
};
