// Sends the one form of the page that hands an answer to an app. Without scripts, its button does.
document.getElementById("leave").submit();
