// What is done with an event.

/** Where it fails, Lambda tries twice more. The same event may come twice: what is done here must bear that. */
export const handler = async ({ detail }) => {
  console.log("worked off", { order: detail.id });
};
