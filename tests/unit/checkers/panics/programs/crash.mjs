const settings = undefined;
console.log(settings.port);
